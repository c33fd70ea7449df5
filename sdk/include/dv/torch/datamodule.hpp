#pragma once
/// Kind dv.datamodule (torch): describes samples and reads them one by one.
///
/// Threads, order, batching, reuse of memory and resuming belong to the host's loader; a datamodule gets all of that for free
/// and cannot break it.

#include <dv/random.hpp>
#include <dv/state.hpp>
#include <dv/torch/hooks.hpp>
#include <dv/torch/kind.hpp>

#include <span>

namespace dv {

/// Where one sample is written.
struct SampleSlot {
    std::span<float> frames;        ///< n_frames × channels × height × width values, all of which must be written
    std::int64_t* label = nullptr;  ///< n_labels values; write −1 where there is none
};

/// One split of the data, open for reading.
struct Source {
    virtual ~Source() = default;
    virtual std::int64_t size() const = 0;
    /// Writes sample `index`. Random draws come from `random`, which is keyed by seed, sample and epoch. Throws IoError or Error
    /// naming file and sample. [any], concurrently, from the loader's threads.
    virtual void read(std::int64_t index, Random random, SampleSlot slot) const = 0;
};

namespace abi::v1 {
struct ISource {
    virtual std::int64_t size() const noexcept = 0;
    virtual dv_status read(std::int64_t index, const Random* random, float* frames, std::uint64_t n_values,
                           std::int64_t* label) const noexcept = 0;
    virtual void destroy() noexcept = 0;

protected:
    ~ISource() = default;
};
struct IDataModule {
    virtual dv_status prepare() noexcept = 0;
    virtual dv_status facts(DataFacts* out) noexcept = 0;
    /// The list is lent until the next call; what it points to is the caller's, to be destroyed.
    virtual dv_status sources(std::int32_t split, ISource*** out, std::uint64_t* n) noexcept = 0;
    virtual dv_status teardown(dv_str outcome) noexcept = 0;
    virtual dv_status on_exception(dv_str message) noexcept = 0;
    virtual dv_status save_state(const dv_state_out* out) noexcept = 0;
    virtual dv_status load_state(const dv_config* state) noexcept = 0;
    virtual std::uint64_t hooks() noexcept = 0;
    virtual dv_status on_transfer(std::uint32_t hook, const Batch& batch, Batch& out) noexcept = 0;

protected:
    ~IDataModule() = default;
};
}  // namespace abi::v1

class DataModuleDoor;
class DataModuleProxy;

struct DataModule : TorchKind<DataModule, abi::v1::IDataModule, DataModuleDoor, DataModuleProxy> {
    static constexpr const char* dv_iface = "dv.datamodule";
    static constexpr std::uint32_t dv_iface_version = 1;

    /// Reads what facts() and source() need: headers, indices, small sets as a whole. Throws IoError naming the file. Once,
    /// before the others. [main]
    virtual void prepare() {}
    virtual DataFacts facts() const = 0;
    /// Opens a split; null when there is none. The source may refer to this object, which outlives it. A split is opened when it is
    /// first needed, and again as trainer.reload_dataloaders_every_n_epochs says. [main] [step]
    virtual std::unique_ptr<Source> source(Split split) const {
        (void)split;
        return nullptr;
    }
    /// The same for a split of several sources, all of the same facts(): an evaluation goes through them in order, training takes them
    /// together (data.combine). None when there is no such split.
    virtual std::vector<std::unique_ptr<Source>> sources(Split split) const {
        std::vector<std::unique_ptr<Source>> out;
        if (auto one = source(split)) out.push_back(std::move(one));
        return out;
    }

    /// The run has failed with `message`; teardown() follows. [main]
    virtual void on_exception(std::string_view message) { (void)message; }
    /// The last call: `outcome` is "success", "failed" or "interrupted". [main]
    virtual void teardown(std::string_view outcome) { (void)outcome; }

    /// State for checkpoints, beside the place in the epoch, which the host keeps. A datamodule that writes nothing has none. [step]
    virtual void save_state(StateWriter& out) const { (void)out; }
    /// What save_state() wrote; after prepare(), before a split is opened. [main]
    virtual void load_state(const StateReader& state) { (void)state; }

    /// The hooks of batch transfer that it takes, as bits, and one of them; datamodules take them by their bases
    /// (dv/torch/hooks.hpp) and need not override these. [step]
    virtual std::uint64_t hooks() { return detail::taken_transfers_of(*this); }
    virtual Batch on_transfer(Hook hook, const Batch& batch) { return detail::dispatch_transfer_of(*this, hook, batch); }
};

namespace detail {
class SourceDoor final : public abi::v1::ISource {
public:
    SourceDoor(std::unique_ptr<Source> source, const dv_host* host) : source_(std::move(source)), host_(host) {}
    std::int64_t size() const noexcept override { return source_->size(); }
    dv_status read(std::int64_t index, const Random* random, float* frames, std::uint64_t n_values,
                   std::int64_t* label) const noexcept override {
        return torch_guard(host_, "read", [&] { source_->read(index, *random, {{frames, n_values}, label}); });
    }
    void destroy() noexcept override { delete this; }

private:
    std::unique_ptr<Source> source_;
    const dv_host* host_;
};

class SourceProxy final : public Source {
public:
    SourceProxy(abi::v1::ISource& door, const dv_host* host) : door_(door), host_(host) {}
    ~SourceProxy() override { door_.destroy(); }
    SourceProxy(const SourceProxy&) = delete;
    SourceProxy& operator=(const SourceProxy&) = delete;
    std::int64_t size() const override { return door_.size(); }
    void read(std::int64_t index, Random random, SampleSlot slot) const override {
        check(host_, door_.read(index, &random, slot.frames.data(), slot.frames.size(), slot.label));
    }

private:
    abi::v1::ISource& door_;
    const dv_host* host_;
};
}  // namespace detail

class DataModuleDoor final : public abi::v1::IDataModule {
public:
    explicit DataModuleDoor(DataModule& data) : data_(data) {}
    dv_status prepare() noexcept override {
        return guarded("prepare", [&] { data_.prepare(); });
    }
    dv_status facts(DataFacts* out) noexcept override {
        return guarded("facts", [&] { *out = data_.facts(); });
    }
    dv_status sources(std::int32_t split, abi::v1::ISource*** out, std::uint64_t* n) noexcept override {
        return guarded("source", [&] {
            lent_.clear();
            for (auto& source : data_.sources(static_cast<Split>(split))) {
                lent_.push_back(new detail::SourceDoor(std::move(source), data_.host));
            }
            *out = lent_.data();
            *n = lent_.size();
        });
    }
    dv_status teardown(dv_str outcome) noexcept override {
        return guarded("teardown", [&] { data_.teardown(detail::view(outcome)); });
    }
    dv_status on_exception(dv_str message) noexcept override {
        return guarded("on_exception", [&] { data_.on_exception(detail::view(message)); });
    }
    dv_status save_state(const dv_state_out* out) noexcept override {
        return guarded("save_state", [&] {
            StateWriter writer(*out);
            data_.save_state(writer);
        });
    }
    dv_status load_state(const dv_config* state) noexcept override {
        return guarded("load_state", [&] { data_.load_state(StateReader(*state)); });
    }
    std::uint64_t hooks() noexcept override { return data_.hooks(); }
    dv_status on_transfer(std::uint32_t hook, const abi::v1::Batch& batch, abi::v1::Batch& out) noexcept override {
        return guarded(detail::hook_name(static_cast<Hook>(hook)), [&] {
            transferred_ = data_.on_transfer(static_cast<Hook>(hook), detail::own(batch));
            lent_batch_ = detail::borrow(transferred_);
            out = lent_batch_;
        });
    }

private:
    template <class Body>
    dv_status guarded(const char* hook, Body&& body) noexcept {
        return detail::torch_guard(data_.host, hook, std::forward<Body>(body));
    }
    DataModule& data_;
    std::vector<abi::v1::ISource*> lent_;
    Batch transferred_;
    detail::LentBatch lent_batch_;
};

class DataModuleProxy final : public DataModule {
public:
    DataModuleProxy(const dv_child& child, detail::Imported::Release release)
        : imported_(child, std::move(release)),
          door_(imported_.interface<abi::v1::IDataModule>(dv_iface, dv_iface_version)) {
        host = child.host;
    }
    void prepare() override { detail::check(host, door_.prepare()); }
    DataFacts facts() const override {
        DataFacts out;
        detail::check(host, door_.facts(&out));
        return out;
    }
    std::unique_ptr<Source> source(Split split) const override {
        auto all = sources(split);
        return all.empty() ? nullptr : std::move(all.front());
    }
    std::vector<std::unique_ptr<Source>> sources(Split split) const override {
        abi::v1::ISource** opened = nullptr;
        std::uint64_t n = 0;
        detail::check(host, door_.sources(static_cast<std::int32_t>(split), &opened, &n));
        std::vector<std::unique_ptr<Source>> out;
        for (std::uint64_t i = 0; i < n; ++i) out.push_back(std::make_unique<detail::SourceProxy>(*opened[i], host));
        return out;
    }
    void teardown(std::string_view outcome) override { detail::check(host, door_.teardown(detail::borrow(outcome))); }
    void on_exception(std::string_view message) override { detail::check(host, door_.on_exception(detail::borrow(message))); }
    void save_state(StateWriter& out) const override { detail::check(host, door_.save_state(&out.raw())); }
    void load_state(const StateReader& state) override { detail::check(host, door_.load_state(&state.raw())); }
    std::uint64_t hooks() override { return door_.hooks(); }
    Batch on_transfer(Hook hook, const Batch& batch) override {
        abi::v1::Batch out{};
        detail::check(host, door_.on_transfer(static_cast<std::uint32_t>(hook), detail::borrow(batch), out));
        return detail::own(out);
    }

private:
    detail::Imported imported_;
    abi::v1::IDataModule& door_;
};

}  // namespace dv

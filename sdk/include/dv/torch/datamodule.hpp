#pragma once
/// Kind dv.datamodule (torch): describes samples and reads them one by one.
///
/// Threads, order, batching, reuse of memory and resuming belong to the host's loader; a datamodule gets all of that for free
/// and cannot break it.

#include <dv/random.hpp>
#include <dv/torch/batch.hpp>
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
    /// *out stays null when the data has no such split.
    virtual dv_status source(std::int32_t split, ISource** out) noexcept = 0;

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
    /// Opens a split; null when there is none. The source may refer to this object, which outlives it. [main]
    virtual std::unique_ptr<Source> source(Split split) const = 0;
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
        return detail::torch_guard(data_.host, "prepare", [&] { data_.prepare(); });
    }
    dv_status facts(DataFacts* out) noexcept override {
        return detail::torch_guard(data_.host, "facts", [&] { *out = data_.facts(); });
    }
    dv_status source(std::int32_t split, abi::v1::ISource** out) noexcept override {
        return detail::torch_guard(data_.host, "source", [&] {
            auto opened = data_.source(static_cast<Split>(split));
            *out = opened ? new detail::SourceDoor(std::move(opened), data_.host) : nullptr;
        });
    }

private:
    DataModule& data_;
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
        abi::v1::ISource* opened = nullptr;
        detail::check(host, door_.source(static_cast<std::int32_t>(split), &opened));
        return opened ? std::make_unique<detail::SourceProxy>(*opened, host) : nullptr;
    }

private:
    detail::Imported imported_;
    abi::v1::IDataModule& door_;
};

}  // namespace dv

#pragma once
/// Kind dv.torch_callback (torch): a callback that also sees the batch, what the model made of it, and the weights.
///
/// It takes phases as a portable callback does (dv/callback.hpp), and reaches tensors through step() and training():
///
///     struct Decay final : dv::TorchCallback, dv::OnOptimizerStepDone {
///         void on_optimizer_step_done(const dv::RunView&, dv::Answer&) override {
///             const at::NoGradGuard no_grad;
///             for (const dv::NamedTensor& p : training().parameters()) p.tensor.mul_(0.999);
///         }
///     };

#include <dv/callback.hpp>
#include <dv/torch/batch.hpp>
#include <dv/torch/kind.hpp>
#include <dv/torch/model.hpp>

namespace dv {

namespace abi::v1 {
struct ITraining {
    virtual dv_status parameters(const NamedTensor** out, std::uint64_t* n) noexcept = 0;
    virtual dv_status scale_lr(dv_str group, double factor) noexcept = 0;
    virtual dv_status group_of(dv_str parameter, dv_str* out) noexcept = 0;

protected:
    ~ITraining() = default;
};
struct CallbackStep {
    const Batch* batch;       /* null outside batches */
    const StepOutput* output; /* null where there is none yet */
};
struct ITorchCallback {
    virtual std::uint64_t phases() noexcept = 0;
    virtual std::int32_t monitors() noexcept = 0;
    virtual dv_status on_phase(std::uint32_t phase, const dv_run* run, const dv_answer* answer, ITraining& training,
                               const CallbackStep& step) noexcept = 0;
    virtual dv_status state_key(dv_str* out) noexcept = 0;
    virtual dv_status save_state(const dv_state_out* out) noexcept = 0;
    virtual dv_status load_state(const dv_config* state) noexcept = 0;
    virtual dv_status save_tensors(const NamedTensor** out, std::uint64_t* n) noexcept = 0;
    virtual dv_status load_tensors(const NamedTensor* tensors, std::uint64_t n) noexcept = 0;

protected:
    ~ITorchCallback() = default;
};
}  // namespace abi::v1

/// The run's weights and rates, for a callback. Valid during a hook. [step]
struct Training {
    virtual ~Training() = default;
    /// Every parameter and buffer of the model, as handles.
    virtual std::vector<NamedTensor> parameters() const = 0;
    /// From now on the optimizer's group of this name has its scheduled rate times `factor`; empty: all groups.
    virtual void scale_lr(std::string_view group, double factor) = 0;
    /// The optimizer's group in which a parameter is; empty: it is in none.
    virtual std::string group_of(std::string_view parameter) const = 0;
};

/// What there is of the batch in hand. Valid during a hook.
struct CallbackStep {
    const Batch* batch = nullptr;        ///< null outside batches
    const StepOutput* output = nullptr;  ///< null before the model has seen the batch; in predict only outputs
};

class TorchCallbackDoor;
class TorchCallbackProxy;

struct TorchCallback : TorchKind<TorchCallback, abi::v1::ITorchCallback, TorchCallbackDoor, TorchCallbackProxy> {
    static constexpr const char* dv_iface = "dv.torch_callback";
    static constexpr std::uint32_t dv_iface_version = 1;

    /// As Callback::monitors, state_key, save_state and load_state.
    virtual bool monitors() const { return false; }
    virtual std::string state_key() const { return {}; }
    virtual void save_state(StateWriter& out) const { (void)out; }
    virtual void load_state(const StateReader& state) { (void)state; }
    /// State that is tensors; a checkpoint keeps their values. load_tensors() gets what save_tensors() gave, on the CPU. [step]
    virtual std::vector<NamedTensor> save_tensors() const { return {}; }
    virtual void load_tensors(std::span<const NamedTensor> tensors) { (void)tensors; }

    /// The phases that it wants, as bits, and one of them; callbacks take them by their bases and need not override these.
    virtual std::uint64_t phases() { return detail::wanted_phases_of(*this); }
    virtual void on_phase(std::uint32_t phase, const dv_run& run, const dv_answer& answer, Training& training,
                          const CallbackStep& step) {
        training_ = &training;
        step_ = &step;
        Answer say(answer);
        detail::dispatch_phase_of(*this, phase, RunView(run), say);
    }

protected:
    /// During a hook only.
    Training& training() const { return *training_; }
    const CallbackStep& step() const { return *step_; }

private:
    Training* training_ = nullptr;
    const CallbackStep* step_ = nullptr;
};

namespace detail {
class TrainingDoor final : public abi::v1::ITraining {
public:
    TrainingDoor(Training& training, const dv_host* host) : training_(training), host_(host) {}
    dv_status parameters(const abi::v1::NamedTensor** out, std::uint64_t* n) noexcept override {
        return torch_guard(host_, "parameters", [&] {
            tensors_ = training_.parameters();
            lent_ = borrow(tensors_);
            *out = lent_.data();
            *n = lent_.size();
        });
    }
    dv_status scale_lr(dv_str group, double factor) noexcept override {
        return torch_guard(host_, "scale_lr", [&] { training_.scale_lr(view(group), factor); });
    }
    dv_status group_of(dv_str parameter, dv_str* out) noexcept override {
        return torch_guard(host_, "group_of", [&] {
            group_ = training_.group_of(view(parameter));
            *out = borrow(group_);
        });
    }

private:
    Training& training_;
    const dv_host* host_;
    std::vector<NamedTensor> tensors_;
    std::vector<abi::v1::NamedTensor> lent_;
    std::string group_;
};

class TrainingProxy final : public Training {
public:
    TrainingProxy(abi::v1::ITraining& door, const dv_host* host) : door_(door), host_(host) {}
    std::vector<NamedTensor> parameters() const override {
        const abi::v1::NamedTensor* tensors = nullptr;
        std::uint64_t n = 0;
        check(host_, door_.parameters(&tensors, &n));
        return own(tensors, n);
    }
    void scale_lr(std::string_view group, double factor) override { check(host_, door_.scale_lr(borrow(group), factor)); }
    std::string group_of(std::string_view parameter) const override {
        dv_str out{};
        check(host_, door_.group_of(borrow(parameter), &out));
        return std::string(view(out));
    }

private:
    abi::v1::ITraining& door_;
    const dv_host* host_;
};
}  // namespace detail

class TorchCallbackDoor final : public abi::v1::ITorchCallback {
public:
    explicit TorchCallbackDoor(TorchCallback& callback) : callback_(callback) {}
    std::uint64_t phases() noexcept override { return callback_.phases(); }
    std::int32_t monitors() noexcept override { return callback_.monitors() ? 1 : 0; }
    dv_status on_phase(std::uint32_t phase, const dv_run* run, const dv_answer* answer, abi::v1::ITraining& training,
                       const abi::v1::CallbackStep& step) noexcept override {
        return guarded(detail::phase_hook_name(phase), [&] {
            detail::TrainingProxy proxy(training, callback_.host);
            std::optional<Batch> batch;
            if (step.batch) batch = detail::own(*step.batch);
            std::optional<StepOutput> output;
            if (step.output) {
                output = StepOutput{step.output->loss, step.output->outputs, step.output->labels,
                                    detail::own(step.output->metrics, step.output->n_metrics)};
            }
            callback_.on_phase(phase, *run, *answer, proxy, {batch ? &*batch : nullptr, output ? &*output : nullptr});
        });
    }
    dv_status state_key(dv_str* out) noexcept override {
        return guarded("state_key", [&] {
            key_ = callback_.state_key();
            *out = detail::borrow(key_);
        });
    }
    dv_status save_state(const dv_state_out* out) noexcept override {
        return guarded("save_state", [&] {
            StateWriter writer(*out);
            callback_.save_state(writer);
        });
    }
    dv_status load_state(const dv_config* state) noexcept override {
        return guarded("load_state", [&] { callback_.load_state(StateReader(*state)); });
    }
    dv_status save_tensors(const abi::v1::NamedTensor** out, std::uint64_t* n) noexcept override {
        return guarded("save_state", [&] {
            tensors_ = callback_.save_tensors();
            lent_ = detail::borrow(tensors_);
            *out = lent_.data();
            *n = lent_.size();
        });
    }
    dv_status load_tensors(const abi::v1::NamedTensor* tensors, std::uint64_t n) noexcept override {
        return guarded("load_state", [&] { callback_.load_tensors(detail::own(tensors, n)); });
    }

private:
    template <class Body>
    dv_status guarded(const char* hook, Body&& body) noexcept {
        return detail::torch_guard(callback_.host, hook, std::forward<Body>(body));
    }
    TorchCallback& callback_;
    std::string key_;
    std::vector<NamedTensor> tensors_;
    std::vector<abi::v1::NamedTensor> lent_;
};

class TorchCallbackProxy final : public TorchCallback {
public:
    TorchCallbackProxy(const dv_child& child, detail::Imported::Release release)
        : imported_(child, std::move(release)),
          door_(imported_.interface<abi::v1::ITorchCallback>(dv_iface, dv_iface_version)) {
        host = child.host;
    }
    std::uint64_t phases() override { return door_.phases(); }
    bool monitors() const override { return door_.monitors() != 0; }
    void on_phase(std::uint32_t phase, const dv_run& run, const dv_answer& answer, Training& training,
                  const CallbackStep& step) override {
        detail::TrainingDoor door(training, host);
        std::optional<detail::LentBatch> batch;
        if (step.batch) batch.emplace(detail::borrow(*step.batch));
        std::vector<abi::v1::NamedTensor> metrics;
        std::optional<abi::v1::StepOutput> output;
        if (step.output) {
            metrics = detail::borrow(step.output->metrics);
            output = abi::v1::StepOutput{step.output->loss, step.output->outputs, step.output->labels, metrics.data(),
                                         metrics.size()};
        }
        detail::check(host, door_.on_phase(phase, &run, &answer, door,
                                           {batch ? &batch->batch : nullptr, output ? &*output : nullptr}));
    }
    std::string state_key() const override {
        dv_str out{};
        detail::check(host, door_.state_key(&out));
        return std::string(detail::view(out));
    }
    void save_state(StateWriter& out) const override { detail::check(host, door_.save_state(&out.raw())); }
    void load_state(const StateReader& state) override { detail::check(host, door_.load_state(&state.raw())); }
    std::vector<NamedTensor> save_tensors() const override {
        const abi::v1::NamedTensor* tensors = nullptr;
        std::uint64_t n = 0;
        detail::check(host, door_.save_tensors(&tensors, &n));
        return detail::own(tensors, n);
    }
    void load_tensors(std::span<const NamedTensor> tensors) override {
        const auto lent = detail::borrow(tensors);
        detail::check(host, door_.load_tensors(lent.data(), lent.size()));
    }

private:
    detail::Imported imported_;
    abi::v1::ITorchCallback& door_;
};

}  // namespace dv

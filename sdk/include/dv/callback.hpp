#pragma once
/// Kind dv.callback (portable): sees the phases of a run.
///
/// A callback takes the phases it wants as further bases, one small interface each:
///
///     struct StopAtNan final : dv::Callback, dv::OnTrainBatchEnd {
///         void on_train_batch_end(const dv::RunView& run, dv::Answer& answer) override {
///             if (std::isnan(run.metric("train/loss").value_or(0.0))) answer.stop("the loss is NaN");
///         }
///     };
///
/// The host asks once which phases there are and never calls the others. Every hook runs on the training thread [step] with a
/// const view of the run; what a callback wants to happen, it says in the answer. The names and their order are Lightning's
/// (spec in docs/architecture.md, "the life of a batch").

#include <dv/component.hpp>
#include <dv/state.hpp>

#include <optional>
#include <span>

namespace dv {

/// What a callback may read. Valid during the hook.
class RunView {
public:
    explicit RunView(const dv_run& run) : run_(run) {}
    const dv_run* operator->() const { return &run_; }

    std::span<const dv_metric> metrics() const { return {run_.metrics, run_.n_metrics}; }
    std::span<const dv_metric> learning_rates() const { return {run_.learning_rates, run_.n_learning_rates}; }

    /// The newest value of a metric ("val/accuracy"), if it has been logged.
    std::optional<double> metric(std::string_view name) const {
        for (const dv_metric& m : metrics()) {
            if (detail::view(m.name) == name) return m.value;
        }
        return std::nullopt;
    }
    /// The message of an exception (on_exception) or the outcome of the run (on_teardown).
    std::string_view message() const { return detail::view(run_.message); }

    /// What hosts of minor 0 do not say; there it is false, or absent.
    bool fast_dev_run() const { return DV_HAS(&run_, fast_dev_run) && run_.fast_dev_run != 0; }
    bool accumulating() const { return DV_HAS(&run_, accumulating) && run_.accumulating != 0; }
    std::optional<bool> validates_each_epoch_end() const {
        if (!DV_HAS(&run_, validates_each_epoch_end)) return std::nullopt;
        return run_.validates_each_epoch_end != 0;
    }
    std::optional<std::int64_t> batches() const { return DV_HAS(&run_, batches) ? std::optional(run_.batches) : std::nullopt; }
    std::optional<std::int64_t> samples() const { return DV_HAS(&run_, samples) ? std::optional(run_.samples) : std::nullopt; }
    /// In an evaluation: from which of the split's sources the batch is, and how many there are.
    std::size_t dataloader_idx() const { return DV_HAS(&run_, loader) ? run_.loader : 0; }
    std::size_t n_loaders() const { return DV_HAS(&run_, n_loaders) ? run_.n_loaders : 1; }
    /// Those of metrics() that are to be shown beside the progress bar.
    std::span<const dv_metric> progress_bar() const {
        if (!DV_HAS(&run_, progress_bar)) return {};
        return {run_.progress_bar, run_.n_progress_bar};
    }
    /// One per learning rate; NaN where a group has none.
    std::span<const dv_metric> momenta() const {
        if (!DV_HAS(&run_, momenta)) return {};
        return {run_.momenta, run_.n_learning_rates};
    }
    std::span<const dv_metric> weight_decays() const {
        if (!DV_HAS(&run_, weight_decays)) return {};
        return {run_.weight_decays, run_.n_learning_rates};
    }

private:
    const dv_run& run_;
};

enum class LogReduce : std::uint32_t { mean, sum, min, max };

/// How a value is logged. Absent: as the phase has it by default (training batches by step, everything else by epoch).
struct LogOptions {
    std::optional<bool> on_step = std::nullopt, on_epoch = std::nullopt;
    bool prog_bar = false;  ///< shown beside the progress bar
    bool logger = true;     ///< sent to the loggers
    LogReduce reduce = LogReduce::mean;
    std::optional<std::int64_t> batch_size = std::nullopt;  ///< weight in a mean; absent: the batch's
    bool add_dataloader_idx = true;  ///< in evaluations of several loaders the name ends with "/dataloader_idx_<i>"
};

/// What a callback may ask for. Valid during the hook. A host of minor 0 knows log() with two arguments and stop(); there the other
/// log() does as that one, and the rest does nothing.
class Answer {
public:
    explicit Answer(const dv_answer& answer) : answer_(answer) {}
    void log(std::string_view name, double value) { answer_.log(answer_.self, detail::borrow(name), value); }
    /// The same, and how it is averaged, shown and named (docs/trainer.md, "Logging"). Throws Error where nothing may be logged.
    void log(std::string_view name, double value, const LogOptions& options) {
        const dv_log_options c{sizeof(dv_log_options),      tristate(options.on_step), tristate(options.on_epoch),
                               options.prog_bar ? 1 : 0,    options.logger ? 1 : 0,    static_cast<std::uint32_t>(options.reduce),
                               options.batch_size.value_or(-1), options.add_dataloader_idx ? 1 : 0, 0};
        if (!DV_HAS(&answer_, log_with) || !answer_.log_with) return log(name, value);
        if (answer_.log_with(answer_.self, detail::borrow(name), value, &c) != DV_OK) {
            throw Error("'" + std::string(name) + "' cannot be logged like this here");
        }
    }
    void text(std::string_view name, std::string_view text) {
        if (DV_HAS(&answer_, text) && answer_.text) answer_.text(answer_.self, detail::borrow(name), detail::borrow(text));
    }
    void image(std::string_view name, const dv_image& image) {
        if (DV_HAS(&answer_, image) && answer_.image) answer_.image(answer_.self, detail::borrow(name), &image);
    }
    void histogram(std::string_view name, const dv_histogram& histogram) {
        if (DV_HAS(&answer_, histogram) && answer_.histogram) {
            answer_.histogram(answer_.self, detail::borrow(name), &histogram);
        }
    }
    void stop(std::string_view reason) { answer_.stop(answer_.self, detail::borrow(reason)); }
    /// In on_train_batch_start: this batch and the rest of the epoch are left out.
    void skip_epoch() {
        if (DV_HAS(&answer_, skip_epoch) && answer_.skip_epoch) answer_.skip_epoch(answer_.self);
    }

private:
    static std::int32_t tristate(std::optional<bool> value) { return value ? (*value ? 1 : 0) : -1; }

    const dv_answer& answer_;
};

/// One interface per phase: `struct OnTrainBatchEnd { virtual void on_train_batch_end(const RunView&, Answer&) = 0; };`
#define DV_DETAIL_PHASES(X)                                             \
    X(OnSetup, on_setup, DV_SETUP)                                      \
    X(OnFitStart, on_fit_start, DV_FIT_START)                           \
    X(OnSanityCheckStart, on_sanity_check_start, DV_SANITY_CHECK_START) \
    X(OnSanityCheckEnd, on_sanity_check_end, DV_SANITY_CHECK_END)       \
    X(OnTrainStart, on_train_start, DV_TRAIN_START)                     \
    X(OnTrainEpochStart, on_train_epoch_start, DV_TRAIN_EPOCH_START)    \
    X(OnTrainBatchStart, on_train_batch_start, DV_TRAIN_BATCH_START)    \
    X(OnBeforeZeroGrad, on_before_zero_grad, DV_BEFORE_ZERO_GRAD)       \
    X(OnBeforeBackward, on_before_backward, DV_BEFORE_BACKWARD)         \
    X(OnAfterBackward, on_after_backward, DV_AFTER_BACKWARD)            \
    X(OnBeforeOptimizerStep, on_before_optimizer_step, DV_BEFORE_OPTIMIZER_STEP) \
    X(OnTrainBatchEnd, on_train_batch_end, DV_TRAIN_BATCH_END)          \
    X(OnTrainEpochEnd, on_train_epoch_end, DV_TRAIN_EPOCH_END)          \
    X(OnValidationStart, on_validation_start, DV_VALIDATION_START)      \
    X(OnValidationEpochStart, on_validation_epoch_start, DV_VALIDATION_EPOCH_START) \
    X(OnValidationBatchStart, on_validation_batch_start, DV_VALIDATION_BATCH_START) \
    X(OnValidationBatchEnd, on_validation_batch_end, DV_VALIDATION_BATCH_END)       \
    X(OnValidationEpochEnd, on_validation_epoch_end, DV_VALIDATION_EPOCH_END)       \
    X(OnValidationEnd, on_validation_end, DV_VALIDATION_END)            \
    X(OnTestStart, on_test_start, DV_TEST_START)                        \
    X(OnTestEpochStart, on_test_epoch_start, DV_TEST_EPOCH_START)       \
    X(OnTestBatchStart, on_test_batch_start, DV_TEST_BATCH_START)       \
    X(OnTestBatchEnd, on_test_batch_end, DV_TEST_BATCH_END)             \
    X(OnTestEpochEnd, on_test_epoch_end, DV_TEST_EPOCH_END)             \
    X(OnTestEnd, on_test_end, DV_TEST_END)                              \
    X(OnPredictStart, on_predict_start, DV_PREDICT_START)               \
    X(OnPredictEpochStart, on_predict_epoch_start, DV_PREDICT_EPOCH_START) \
    X(OnPredictBatchStart, on_predict_batch_start, DV_PREDICT_BATCH_START) \
    X(OnPredictBatchEnd, on_predict_batch_end, DV_PREDICT_BATCH_END)    \
    X(OnPredictEpochEnd, on_predict_epoch_end, DV_PREDICT_EPOCH_END)    \
    X(OnPredictEnd, on_predict_end, DV_PREDICT_END)                     \
    X(OnTrainEnd, on_train_end, DV_TRAIN_END)                           \
    X(OnFitEnd, on_fit_end, DV_FIT_END)                                 \
    X(OnException, on_exception, DV_EXCEPTION)                          \
    X(OnTeardown, on_teardown, DV_TEARDOWN)                             \
    X(OnSaveCheckpoint, on_save_checkpoint, DV_SAVE_CHECKPOINT)         \
    X(OnCheckpointTaken, on_checkpoint_taken, DV_CHECKPOINT_TAKEN)      \
    X(OnLoadCheckpoint, on_load_checkpoint, DV_LOAD_CHECKPOINT)         \
    X(OnOptimizerStepDone, on_optimizer_step_done, DV_OPTIMIZER_STEP_DONE)

#define DV_DETAIL_PHASE_INTERFACE(Interface, method, phase)      \
    struct Interface {                                           \
        virtual void method(const RunView& run, Answer& answer) = 0; \
                                                                 \
    protected:                                                   \
        ~Interface() = default;                                  \
    };
DV_DETAIL_PHASES(DV_DETAIL_PHASE_INTERFACE)
#undef DV_DETAIL_PHASE_INTERFACE

namespace detail {

inline constexpr const char* phase_hook_name(std::uint32_t phase) {
    switch (phase) {
#define DV_DETAIL_NAME(Interface, method, phase) \
    case phase: return #method;
        DV_DETAIL_PHASES(DV_DETAIL_NAME)
#undef DV_DETAIL_NAME
        default: return "on_phase";
    }
}

/// The phases of which `C` has the interface.
template <class C>
constexpr std::uint64_t wanted_phases() {
    std::uint64_t mask = 0;
#define DV_DETAIL_WANTED(Interface, method, phase) \
    if constexpr (std::is_base_of_v<Interface, C>) mask |= std::uint64_t{1} << phase;
    DV_DETAIL_PHASES(DV_DETAIL_WANTED)
#undef DV_DETAIL_WANTED
    return mask;
}

/// Calls the hook of `phase`, if `C` has it.
template <class C>
void dispatch_phase(C& object, std::uint32_t phase, const RunView& run, Answer& answer) {
    switch (phase) {
#define DV_DETAIL_DISPATCH(Interface, method, phase) \
    case phase:                                      \
        if constexpr (std::is_base_of_v<Interface, C>) object.method(run, answer); \
        break;
        DV_DETAIL_PHASES(DV_DETAIL_DISPATCH)
#undef DV_DETAIL_DISPATCH
        default: break;  // a phase of a newer host
    }
}

/// The same for an object whose class is only known at run time.
template <class Base>
std::uint64_t wanted_phases_of(Base& object) {
    std::uint64_t mask = 0;
#define DV_DETAIL_WANTED(Interface, method, phase) \
    if (dynamic_cast<Interface*>(&object)) mask |= std::uint64_t{1} << phase;
    DV_DETAIL_PHASES(DV_DETAIL_WANTED)
#undef DV_DETAIL_WANTED
    return mask;
}
template <class Base>
void dispatch_phase_of(Base& object, std::uint32_t phase, const RunView& run, Answer& answer) {
    switch (phase) {
#define DV_DETAIL_DISPATCH(Interface, method, phase) \
    case phase:                                      \
        if (auto* hook = dynamic_cast<Interface*>(&object)) hook->method(run, answer); \
        break;
        DV_DETAIL_PHASES(DV_DETAIL_DISPATCH)
#undef DV_DETAIL_DISPATCH
        default: break;
    }
}

}  // namespace detail

struct Callback : PortableKind<Callback> {
    static constexpr const char* dv_iface = DV_IFACE_CALLBACK;
    static constexpr std::uint32_t dv_iface_version = 1;

    /// A callback that watches what others log (early stop, checkpoints) hides this with true: at the end of an epoch it then
    /// runs after all callbacks that do not.
    static constexpr bool monitors = false;

    /// Under which name its state lies in a checkpoint; two callbacks of a run must not have the same. Empty: the component's id.
    virtual std::string state_key() const { return {}; }
    /// What it needs to go on where it was. A callback that writes nothing has no state. [step]
    virtual void save_state(StateWriter& out) const { (void)out; }
    /// What save_state() wrote, of this run or of another; before on_load_checkpoint. [step]
    virtual void load_state(const StateReader& state) { (void)state; }

    template <class C>
    static constexpr const void* dv_vtable() {
        return &dv_table<C>;
    }

private:
    template <class C>
    static C& of(void* self) {
        return *static_cast<C*>(static_cast<Callback*>(self));
    }
    static dv_status lend_state_key(void* self, dv_str* out) noexcept {
        Callback& callback = *static_cast<Callback*>(self);
        return detail::guard(callback.host, "state_key", [&] {
            callback.lent_key_ = callback.state_key();
            *out = detail::borrow(callback.lent_key_);
        });
    }
    static dv_status write_state(void* self, const dv_state_out* out) noexcept {
        Callback& callback = *static_cast<Callback*>(self);
        return detail::guard(callback.host, "save_state", [&] {
            StateWriter writer(*out);
            callback.save_state(writer);
        });
    }
    static dv_status read_state(void* self, const dv_config* state) noexcept {
        Callback& callback = *static_cast<Callback*>(self);
        return detail::guard(callback.host, "load_state", [&] { callback.load_state(StateReader(*state)); });
    }

    template <class C>
    static constexpr dv_callback_1 dv_table{
        sizeof(dv_callback_1),
        C::monitors ? 1u : 0u,
        [](void*) noexcept -> std::uint64_t { return detail::wanted_phases<C>(); },
        [](void* self, std::uint32_t phase, const dv_run* run, const dv_answer* answer) noexcept -> dv_status {
            C& callback = of<C>(self);
            return detail::guard(callback.host, detail::phase_hook_name(phase), [&] {
                Answer say(*answer);
                detail::dispatch_phase(callback, phase, RunView(*run), say);
            });
        },
        &lend_state_key,
        &write_state,
        &read_state,
    };
    std::string lent_key_;
};

}  // namespace dv

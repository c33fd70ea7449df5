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

private:
    const dv_run& run_;
};

/// What a callback may ask for. Valid during the hook.
class Answer {
public:
    explicit Answer(const dv_answer& answer) : answer_(answer) {}
    void log(std::string_view name, double value) { answer_.log(answer_.self, detail::borrow(name), value); }
    void stop(std::string_view reason) { answer_.stop(answer_.self, detail::borrow(reason)); }

private:
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
    X(OnTeardown, on_teardown, DV_TEARDOWN)

#define DV_DETAIL_PHASE_INTERFACE(Interface, method, phase)      \
    struct Interface {                                           \
        virtual void method(const RunView& run, Answer& answer) = 0; \
                                                                 \
    protected:                                                   \
        ~Interface() = default;                                  \
    };
DV_DETAIL_PHASES(DV_DETAIL_PHASE_INTERFACE)
#undef DV_DETAIL_PHASE_INTERFACE

struct Callback : PortableKind<Callback> {
    static constexpr const char* dv_iface = DV_IFACE_CALLBACK;
    static constexpr std::uint32_t dv_iface_version = 1;

    /// A callback that watches what others log (early stop, checkpoints) hides this with true: at the end of an epoch it then
    /// runs after all callbacks that do not.
    static constexpr bool monitors = false;

    template <class C>
    static constexpr const void* dv_vtable() {
        return &dv_table<C>;
    }

private:
    template <class C>
    static constexpr std::uint64_t wanted_phases() {
        std::uint64_t mask = 0;
#define DV_DETAIL_WANTED(Interface, method, phase) \
    if constexpr (std::is_base_of_v<Interface, C>) mask |= std::uint64_t{1} << phase;
        DV_DETAIL_PHASES(DV_DETAIL_WANTED)
#undef DV_DETAIL_WANTED
        return mask;
    }

    template <class C>
    static void dispatch(C& callback, std::uint32_t phase, const RunView& run, Answer& answer) {
        switch (phase) {
#define DV_DETAIL_DISPATCH(Interface, method, phase) \
    case phase:                                      \
        if constexpr (std::is_base_of_v<Interface, C>) callback.method(run, answer); \
        break;
            DV_DETAIL_PHASES(DV_DETAIL_DISPATCH)
#undef DV_DETAIL_DISPATCH
            default: break;  // a phase of a newer host
        }
    }

    static constexpr const char* hook_name(std::uint32_t phase) {
        switch (phase) {
#define DV_DETAIL_NAME(Interface, method, phase) \
    case phase: return #method;
            DV_DETAIL_PHASES(DV_DETAIL_NAME)
#undef DV_DETAIL_NAME
            default: return "on_phase";
        }
    }

    template <class C>
    static constexpr dv_callback_1 dv_table{
        sizeof(dv_callback_1),
        C::monitors ? 1u : 0u,
        [](void*) noexcept -> std::uint64_t { return wanted_phases<C>(); },
        [](void* self, std::uint32_t phase, const dv_run* run, const dv_answer* answer) noexcept -> dv_status {
            C& callback = *static_cast<C*>(static_cast<Callback*>(self));
            return detail::guard(callback.host, hook_name(phase), [&] {
                Answer say(*answer);
                dispatch(callback, phase, RunView(*run), say);
            });
        },
    };
};

}  // namespace dv

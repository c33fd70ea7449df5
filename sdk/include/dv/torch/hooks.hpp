#pragma once
/// Hooks in which a model takes over a piece of the trainer's work. Like the phases (dv/callback.hpp) they are taken as further bases;
/// a piece that nobody takes costs nothing. Names and places are those of Lightning's LightningModule (docs/trainer.md).
///
///     struct Net final : dv::Model, dv::Backward {
///         void backward(dv::HookCall& call) override {
///             watch(call.loss());
///             call.proceed();                         // what the trainer does without the hook
///         }
///     };
///
/// OnBeforeBatchTransfer and OnAfterBatchTransfer are for models and datamodules; of both, the datamodule's is called.

#include <dv/torch/batch.hpp>

#include <cstdint>

namespace dv {

/// One call of a hook, valid during it. [step]
struct HookCall {
    virtual ~HookCall() = default;
    /// Of the optimizer, or of the schedule, in manifest order; 0 where there is none.
    virtual std::size_t index() const = 0;
    /// In backward: 0-dim, with its graph, divided and scaled as it is to be. Elsewhere undefined.
    virtual at::Tensor loss() const = 0;
    /// In optimizer_step: forward and backward of the batch, unless they have been. Elsewhere nothing.
    virtual void closure() = 0;
    /// What the trainer does where nobody takes the hook. A hook that does not call it has done the work itself, or leaves it out.
    virtual void proceed() = 0;
};

/// `struct OptimizerStep { virtual void optimizer_step(HookCall&) = 0; };` and so on:
///  optimizer_step                the batch that ends an accumulation window: closure(), clipping, step
///  optimizer_zero_grad           gradients dropped at the beginning of a window
///  backward                      gradients of loss(), through the strategy
///  configure_gradient_clipping   trainer.gradient_clip_val, before a step
///  lr_scheduler_step             the schedule index() is asked for its next value
///  on_validation_model_zero_grad gradients dropped before a validation inside fit
///  on_*_model_eval, _train       evaluation mode before an evaluation, and back
#define DV_DETAIL_HOOKS(X)                                                     \
    X(OptimizerStep, optimizer_step, 0)                                        \
    X(OptimizerZeroGrad, optimizer_zero_grad, 1)                               \
    X(Backward, backward, 2)                                                   \
    X(ConfigureGradientClipping, configure_gradient_clipping, 3)               \
    X(LrSchedulerStep, lr_scheduler_step, 4)                                   \
    X(OnValidationModelZeroGrad, on_validation_model_zero_grad, 5)             \
    X(OnValidationModelEval, on_validation_model_eval, 6)                      \
    X(OnValidationModelTrain, on_validation_model_train, 7)                    \
    X(OnTestModelEval, on_test_model_eval, 8)                                  \
    X(OnTestModelTrain, on_test_model_train, 9)                                \
    X(OnPredictModelEval, on_predict_model_eval, 10)

/// The hooks as numbers; those of batch transfer have no HookCall.
enum class Hook : std::uint32_t {
#define DV_DETAIL_HOOK_NUMBER(Interface, method, number) method = number,
    DV_DETAIL_HOOKS(DV_DETAIL_HOOK_NUMBER)
#undef DV_DETAIL_HOOK_NUMBER
    on_before_batch_transfer = 11,
    on_after_batch_transfer = 12,
};

#define DV_DETAIL_HOOK_INTERFACE(Interface, method, number) \
    struct Interface {                                      \
        virtual void method(HookCall& call) = 0;            \
                                                            \
    protected:                                              \
        ~Interface() = default;                             \
    };
DV_DETAIL_HOOKS(DV_DETAIL_HOOK_INTERFACE)
#undef DV_DETAIL_HOOK_INTERFACE

/// The batch as the loader gave it → as it goes to the device. [step]
struct OnBeforeBatchTransfer {
    virtual Batch on_before_batch_transfer(const Batch& batch) = 0;

protected:
    ~OnBeforeBatchTransfer() = default;
};
/// The batch on the device → as the model gets it, for example augmented there. [step]
struct OnAfterBatchTransfer {
    virtual Batch on_after_batch_transfer(const Batch& batch) = 0;

protected:
    ~OnAfterBatchTransfer() = default;
};

namespace abi::v1 {
struct IHookCall {
    virtual std::uint64_t index() noexcept = 0;
    virtual dv_status loss(at::Tensor& out) noexcept = 0;
    virtual dv_status closure() noexcept = 0;
    virtual dv_status proceed() noexcept = 0;

protected:
    ~IHookCall() = default;
};
}  // namespace abi::v1

namespace detail {

inline constexpr const char* hook_name(Hook hook) {
    switch (hook) {
#define DV_DETAIL_NAME(Interface, method, number) \
    case Hook::method: return #method;
        DV_DETAIL_HOOKS(DV_DETAIL_NAME)
#undef DV_DETAIL_NAME
        case Hook::on_before_batch_transfer: return "on_before_batch_transfer";
        case Hook::on_after_batch_transfer: return "on_after_batch_transfer";
    }
    return "hook";
}

inline constexpr std::uint64_t bit_of(Hook hook) { return std::uint64_t{1} << static_cast<std::uint32_t>(hook); }

/// The hooks of batch transfer that `object` takes, as bits.
template <class Base>
std::uint64_t taken_transfers_of(Base& object) {
    return (dynamic_cast<OnBeforeBatchTransfer*>(&object) ? bit_of(Hook::on_before_batch_transfer) : 0) |
           (dynamic_cast<OnAfterBatchTransfer*>(&object) ? bit_of(Hook::on_after_batch_transfer) : 0);
}
template <class Base>
Batch dispatch_transfer_of(Base& object, Hook hook, const Batch& batch) {
    if (hook == Hook::on_before_batch_transfer) {
        if (auto* taken = dynamic_cast<OnBeforeBatchTransfer*>(&object)) return taken->on_before_batch_transfer(batch);
    } else if (auto* taken = dynamic_cast<OnAfterBatchTransfer*>(&object)) {
        return taken->on_after_batch_transfer(batch);
    }
    return batch;
}

/// All hooks that `object` takes, as bits.
template <class Base>
std::uint64_t taken_hooks_of(Base& object) {
    std::uint64_t mask = taken_transfers_of(object);
#define DV_DETAIL_TAKEN(Interface, method, number) \
    if (dynamic_cast<Interface*>(&object)) mask |= bit_of(Hook::method);
    DV_DETAIL_HOOKS(DV_DETAIL_TAKEN)
#undef DV_DETAIL_TAKEN
    return mask;
}
template <class Base>
void dispatch_hook_of(Base& object, Hook hook, HookCall& call) {
    switch (hook) {
#define DV_DETAIL_DISPATCH(Interface, method, number) \
    case Hook::method:                                \
        if (auto* taken = dynamic_cast<Interface*>(&object)) return taken->method(call); \
        break;
        DV_DETAIL_HOOKS(DV_DETAIL_DISPATCH)
#undef DV_DETAIL_DISPATCH
        default: break;
    }
    call.proceed();
}

}  // namespace detail

}  // namespace dv

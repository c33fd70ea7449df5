#pragma once
/// Adam and AdamW, which differ in what weight decay does: one calculation over LibTorch's fused kernels.

#include "table_optimizer.hpp"

#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>

namespace dv::optimizers {

enum class WeightDecay {
    in_gradient,  ///< L2: g + weight_decay · θ   (Adam)
    decoupled,    ///< θ · (1 − lr · weight_decay) before the step   (AdamW)
};

class FusedAdam : public BetasOptimizer {
public:
    double eps = 0.0;
    bool amsgrad = false, maximize = false;

    /// As PyTorch's param_groups list them.
    std::vector<GroupOption> options(std::size_t group) const override {
        const ParameterGroup& of = groups_.at(group);
        return {{"lr", {of.lr}},
                betas_option(group),
                {"eps", {eps}},
                {"weight_decay", {of.weight_decay}},
                flag("amsgrad", amsgrad),
                flag("maximize", maximize),
                flag("capturable", false),
                flag("differentiable", false),
                flag("fused", true),
                flag("decoupled_weight_decay", decay_ == WeightDecay::decoupled)};
    }

protected:
    explicit FusedAdam(WeightDecay decay) : decay_(decay) {}

private:
    enum Key : std::size_t { kStep, kAverage, kSquare, kLargestSquare };

    std::vector<StateKey> keys() const override {
        std::vector<StateKey> keys{{"step", StateShape::scalar},
                                   {"exp_avg", StateShape::like_parameter},
                                   {"exp_avg_sq", StateShape::like_parameter}};
        if (amsgrad) keys.push_back({"max_exp_avg_sq", StateShape::like_parameter});
        return keys;
    }
    void step_gathered(const ParameterGroup& group, std::size_t index, Gathered& of) override {
        of.count_step(kStep);  // the kernels read the count of the step that they take
        const auto kernel =
            decay_ == WeightDecay::decoupled ? &at::_ops::_fused_adamw_::call : &at::_ops::_fused_adam_::call;
        kernel(of.parameters, of.gradients, of.state[kAverage], of.state[kSquare],
               amsgrad ? at::TensorList(of.state[kLargestSquare]) : at::TensorList(), of.state[kStep], group.lr,
               beta1(index), beta2(), group.weight_decay, eps, amsgrad, maximize, /*grad_scale=*/{}, /*found_inf=*/{});
    }

    WeightDecay decay_;
};

}  // namespace dv::optimizers

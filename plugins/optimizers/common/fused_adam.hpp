#pragma once
/// Adam and AdamW, which differ in what weight decay does: one calculation over LibTorch's fused kernels.

#include "state_table.hpp"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <c10/core/GradMode.h>

#include <vector>

namespace dv::optimizers {

struct AdamOptions {
    double beta1, beta2, eps;
    bool amsgrad, maximize;
};

enum class WeightDecay {
    in_gradient,  ///< L2: g + weight_decay · θ   (Adam)
    decoupled,    ///< θ · (1 − lr · weight_decay) before the step   (AdamW)
};

/// The moments of all parameters and the step over them.
class FusedAdam {
public:
    void build(const AdamOptions& options, WeightDecay decay, std::span<const ParameterGroup> groups) {
        options_ = options;
        decay_ = decay;
        std::vector<StateKey> keys{{"step", StateShape::scalar},
                                   {"exp_avg", StateShape::like_parameter},
                                   {"exp_avg_sq", StateShape::like_parameter}};
        if (options.amsgrad) keys.push_back({"max_exp_avg_sq", StateShape::like_parameter});
        state_.build(std::move(keys), groups);
    }

    /// One update of the parameters that have a gradient; `index` is the group's place in groups().
    void step(const ParameterGroup& group, std::size_t index) {
        const c10::NoGradGuard parameters_are_leaves;
        gather(group, state_.first(index));
        if (parameters_.empty()) return;
        count_step();
        const auto kernel =
            decay_ == WeightDecay::decoupled ? &at::_ops::_fused_adamw_::call : &at::_ops::_fused_adam_::call;
        kernel(parameters_, gradients_, averages_, squares_, largest_squares_, steps_, group.lr, options_.beta1,
               options_.beta2, group.weight_decay, options_.eps, options_.amsgrad, options_.maximize,
               /*grad_scale=*/{}, /*found_inf=*/{});
    }

    StateTable& state() { return state_; }
    const StateTable& state() const { return state_; }

    /// As PyTorch's param_groups list them.
    std::vector<GroupOption> options(const ParameterGroup& group) const {
        return {{"lr", {group.lr}},
                {"betas", {options_.beta1, options_.beta2}},
                {"eps", {options_.eps}},
                {"weight_decay", {group.weight_decay}},
                {"amsgrad", {options_.amsgrad ? 1.0 : 0.0}, true},
                {"maximize", {options_.maximize ? 1.0 : 0.0}, true},
                {"capturable", {0.0}, true},
                {"differentiable", {0.0}, true},
                {"fused", {1.0}, true},
                {"decoupled_weight_decay", {decay_ == WeightDecay::decoupled ? 1.0 : 0.0}, true}};
    }

private:
    enum Key : std::size_t { kStep, kAverage, kSquare, kLargestSquare };

    /// Fills the kernels' lists, which keep their memory from step to step.
    void gather(const ParameterGroup& group, std::size_t first) {
        for (auto* list : {&parameters_, &gradients_, &averages_, &squares_, &largest_squares_, &steps_}) list->clear();
        for (std::size_t i = 0; i < group.parameters.size(); ++i) {
            const at::Tensor& parameter = group.parameters[i].tensor;
            at::Tensor gradient = gradient_of(parameter);
            if (!gradient.defined()) continue;
            const std::size_t p = first + i;
            if (!state_.has(kStep, p)) begin(p);
            parameters_.push_back(parameter);
            gradients_.push_back(std::move(gradient));
            averages_.push_back(state_.at(kAverage, p));
            squares_.push_back(state_.at(kSquare, p));
            if (options_.amsgrad) largest_squares_.push_back(state_.at(kLargestSquare, p));
            steps_.push_back(state_.at(kStep, p));
        }
    }
    /// The kernels read the count of the step that they take.
    void count_step() {
        if (!steps_.front().is_cpu()) return at::_foreach_add_(steps_, 1);
        // One operator call per number would take several times as long as the step itself.
        for (const at::Tensor& step : steps_) *step.mutable_data_ptr<float>() += 1.0f;
    }
    void begin(std::size_t parameter) {
        for (const Key key : {kStep, kAverage, kSquare}) state_.start(key, parameter);
        if (options_.amsgrad) state_.start(kLargestSquare, parameter);
    }

    AdamOptions options_{};
    WeightDecay decay_ = WeightDecay::in_gradient;
    StateTable state_;
    std::vector<at::Tensor> parameters_, gradients_, averages_, squares_, largest_squares_, steps_;
};

}  // namespace dv::optimizers

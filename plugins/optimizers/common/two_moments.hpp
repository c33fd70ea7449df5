#pragma once
/// What NAdam and RAdam share: running averages of gradient and squared gradient, weight decay of two kinds.

#include "table_optimizer.hpp"

namespace dv::optimizers {

class TwoMomentsOptimizer : public BetasOptimizer {
public:
    double eps = 0.0;
    bool decoupled_weight_decay = false, maximize = false;

protected:
    /// Counts the step, decays weights and brings both averages up to date; `step`, `average` and `square` are keys of the state. Gives
    /// the gradients to go down.
    std::vector<at::Tensor> take_gradients(const ParameterGroup& group, std::size_t index, Gathered& of, std::size_t step,
                                           std::size_t average, std::size_t square) const {
        of.count_step(step);
        if (decoupled_weight_decay) of.shrink(group.lr, group.weight_decay);
        std::vector<at::Tensor> g = of.descent(decoupled_weight_decay ? 0.0 : group.weight_decay, maximize);
        of.average(average, g, beta1(index));
        of.average_squares(square, g, beta2());
        return g;
    }
};

}  // namespace dv::optimizers

#include "gathered.hpp"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_addcmul.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_neg.h>

namespace dv::optimizers {

void Gathered::clear(std::size_t n_keys) {
    parameters.clear();
    gradients.clear();
    state.resize(n_keys);
    for (auto& list : state) list.clear();
}

void Gathered::count_step(std::size_t key) {
    std::vector<at::Tensor>& steps = state[key];
    if (!steps.front().is_cpu()) return at::_foreach_add_(steps, 1);
    // One operator call per number would take several times as long as the step itself.
    for (const at::Tensor& step : steps) *step.mutable_data_ptr<float>() += 1.0f;
}

std::vector<at::Tensor> Gathered::descent(double weight_decay, bool maximize) const {
    std::vector<at::Tensor> out = maximize ? at::_foreach_neg(gradients) : gradients;
    if (weight_decay != 0.0) out = at::_foreach_add(out, parameters, weight_decay);
    return out;
}

void Gathered::shrink(double lr, double weight_decay) {
    if (weight_decay != 0.0) at::_foreach_mul_(parameters, 1.0 - lr * weight_decay);
}

void Gathered::average(std::size_t key, const std::vector<at::Tensor>& g, double decay) {
    at::_foreach_lerp_(state[key], g, 1.0 - decay);
}

void Gathered::average_squares(std::size_t key, const std::vector<at::Tensor>& g, double decay) {
    at::_foreach_mul_(state[key], decay);
    at::_foreach_addcmul_(state[key], g, g, 1.0 - decay);
}

}  // namespace dv::optimizers

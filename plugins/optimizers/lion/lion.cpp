#include "table_optimizer.hpp"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_sign.h>

namespace {

/// Lion (Chen et al. 2023, arXiv:2302.06675):  θ ← θ · (1 − lr · weight_decay),
/// θ ← θ − lr · sign(β₁m + (1−β₁)g),  m ← β₂m + (1−β₂)g.
struct Lion final : dv::optimizers::BetasOptimizer {
    bool maximize = false;
    static constexpr auto params = dv::schema(
        dv::p("lr", &Lion::lr, 1e-4, "learning rate", dv::at_least{0.0}),
        dv::p("betas", &Lion::betas, dv::list(0.9, 0.99),
              "share of the running average in the step, and its decay per step", dv::at_least{0.0}, dv::below{1.0}),
        dv::p("weight_decay", &Lion::weight_decay, 0.0,
              "share of each weight, times lr, that is taken off before the step", dv::at_least{0.0}),
        dv::p("maximize", &Lion::maximize, false, "go up the gradient instead of down"),
        dv::p("groups", &Lion::rules, dv::empty,
              "parameters with other rates, by name pattern; the rest is 'regular'"));

    std::vector<dv::GroupOption> options(std::size_t group) const override {
        const dv::ParameterGroup& of = groups_.at(group);
        return {{"lr", {of.lr}},
                betas_option(group),
                {"weight_decay", {of.weight_decay}},
                dv::optimizers::flag("maximize", maximize)};
    }

private:
    static constexpr std::size_t kAverage = 0;

    std::vector<dv::optimizers::StateKey> keys() const override {
        return {{"exp_avg", dv::optimizers::StateShape::like_parameter}};
    }
    void step_gathered(const dv::ParameterGroup& group, std::size_t index, dv::optimizers::Gathered& of) override {
        of.shrink(group.lr, group.weight_decay);
        const std::vector<at::Tensor> g = of.descent(0.0, maximize);
        const std::vector<at::Tensor> direction = at::_foreach_lerp(of.state[kAverage], g, 1.0 - beta1(index));
        at::_foreach_sign_(direction);
        at::_foreach_add_(of.parameters, direction, -group.lr);
        of.average(kAverage, g, beta2());
    }
};

}  // namespace

DV_COMPONENT(Lion, "dvhost.optimizer.lion",
             "Lion: steps of one size along the sign of the momentum (Chen et al. 2023)");

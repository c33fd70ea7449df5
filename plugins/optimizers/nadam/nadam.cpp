#include "two_moments.hpp"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_addcdiv.h>
#include <ATen/ops/_foreach_div.h>
#include <ATen/ops/_foreach_sqrt.h>

#include <cmath>

namespace {

using dv::optimizers::StateShape;

/// NAdam, Adam with Nesterov's momentum (Dozat 2016):  m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²,
/// μₜ = β₁ (1 − ½ · 0.96^(t·ψ)) with ψ = momentum_decay,  Mₜ = μ₁ · … · μₜ,
/// θ ← θ − lr (μₜ₊₁ m/(1−Mₜ₊₁) + (1−μₜ) g/(1−Mₜ)) / (√(v/(1−β₂ᵗ)) + ε).
struct NAdam final : dv::optimizers::TwoMomentsOptimizer {
    double momentum_decay = 0.0;
    static constexpr auto params = dv::schema(
        dv::p("lr", &NAdam::lr, 2e-3, "learning rate", dv::at_least{0.0}),
        dv::p("betas", &NAdam::betas, dv::list(0.9, 0.999),
              "decay per step of the running averages of gradient and squared gradient", dv::at_least{0.0},
              dv::below{1.0}),
        dv::p("eps", &NAdam::eps, 1e-8, "added to the denominator", dv::at_least{0.0}),
        dv::p("weight_decay", &NAdam::weight_decay, 0.0, "weight decay: L2 penalty, or decoupled", dv::at_least{0.0}),
        dv::p("momentum_decay", &NAdam::momentum_decay, 4e-3, "how fast momentum comes up to the first beta",
              dv::at_least{0.0}),
        dv::p("decoupled_weight_decay", &NAdam::decoupled_weight_decay, false,
              "take lr * weight_decay off each weight, as AdamW does, instead of adding the penalty to the gradient"),
        dv::p("maximize", &NAdam::maximize, false, "go up the gradient instead of down"),
        dv::p("groups", &NAdam::rules, dv::empty,
              "parameters with other rates, by name pattern; the rest is 'regular'"));

    std::vector<dv::GroupOption> options(std::size_t group) const override {
        const dv::ParameterGroup& of = groups_.at(group);
        return {{"lr", {of.lr}},
                betas_option(group),
                {"eps", {eps}},
                {"weight_decay", {of.weight_decay}},
                {"momentum_decay", {momentum_decay}},
                dv::optimizers::flag("decoupled_weight_decay", decoupled_weight_decay),
                dv::optimizers::flag("maximize", maximize),
                dv::optimizers::flag("capturable", false),
                dv::optimizers::flag("differentiable", false)};
    }

private:
    static constexpr std::size_t kStep = 0, kMuProduct = 1, kAverage = 2, kSquare = 3;

    std::vector<dv::optimizers::StateKey> keys() const override {
        return {{"step", StateShape::host_scalar},
                {"mu_product", StateShape::host_scalar},
                {"exp_avg", StateShape::like_parameter},
                {"exp_avg_sq", StateShape::like_parameter}};
    }
    void begin(std::size_t parameter) override {
        BetasOptimizer::begin(parameter);
        state_.start(kMuProduct, parameter, 1.0);
    }
    void step_gathered(const dv::ParameterGroup& group, std::size_t index, dv::optimizers::Gathered& of) override {
        const std::vector<at::Tensor> g = take_gradients(group, index, of, kStep, kAverage, kSquare);
        shares(of, group.lr, beta1(index));
        const std::vector<at::Tensor> denominator = at::_foreach_div(of.state[kSquare], corrections_);
        at::_foreach_sqrt_(denominator);
        at::_foreach_add_(denominator, eps);
        at::_foreach_addcdiv_(of.parameters, g, denominator, of_gradient_);
        at::_foreach_addcdiv_(of.parameters, of.state[kAverage], denominator, of_average_);
    }
    /// What differs between parameters, whose steps may have been counted from different ones.
    void shares(const dv::optimizers::Gathered& of, double lr, double beta) {
        for (auto* list : {&corrections_, &of_gradient_, &of_average_}) list->clear();
        for (std::size_t i = 0; i < of.parameters.size(); ++i) {
            const double t = of.number(of.state[kStep][i]);
            const double mu = beta * (1.0 - 0.5 * std::pow(0.96, t * momentum_decay));
            const double next = beta * (1.0 - 0.5 * std::pow(0.96, (t + 1.0) * momentum_decay));
            of.state[kMuProduct][i].mul_(mu);
            const double product = of.number(of.state[kMuProduct][i]);
            corrections_.emplace_back(1.0 - std::pow(beta2(), t));
            of_gradient_.emplace_back(-lr * (1.0 - mu) / (1.0 - product));
            of_average_.emplace_back(-lr * next / (1.0 - product * next));
        }
    }

    std::vector<at::Scalar> corrections_, of_gradient_, of_average_;  // of the step in hand, by parameter
};

}  // namespace

DV_COMPONENT(NAdam, "dvhost.optimizer.nadam", "NAdam: Adam with Nesterov's momentum (Dozat 2016)");

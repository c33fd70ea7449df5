#include "two_moments.hpp"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_addcdiv.h>
#include <ATen/ops/_foreach_sqrt.h>
#include <ATen/ops/ones_like.h>

#include <cmath>

namespace {

using dv::optimizers::StateShape;

/// RAdam, rectified Adam (Liu et al., ICLR 2020):  m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²,  ρ∞ = 2/(1−β₂) − 1,
/// ρ = ρ∞ − 2tβ₂ᵗ/(1−β₂ᵗ);  while ρ ≤ 5:  θ ← θ − lr · m/(1−β₁ᵗ);  after that
/// θ ← θ − lr · r · m/(1−β₁ᵗ) · √(1−β₂ᵗ)/(√v + ε)  with  r² = (ρ−4)(ρ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρ).
struct RAdam final : dv::optimizers::TwoMomentsOptimizer {
    static constexpr auto params = dv::schema(
        dv::p("lr", &RAdam::lr, 1e-3, "learning rate", dv::at_least{0.0}),
        dv::p("betas", &RAdam::betas, dv::list(0.9, 0.999),
              "decay per step of the running averages of gradient and squared gradient", dv::at_least{0.0},
              dv::below{1.0}),
        dv::p("eps", &RAdam::eps, 1e-8, "added to the denominator", dv::at_least{0.0}),
        dv::p("weight_decay", &RAdam::weight_decay, 0.0, "weight decay: L2 penalty, or decoupled", dv::at_least{0.0}),
        dv::p("decoupled_weight_decay", &RAdam::decoupled_weight_decay, false,
              "take lr * weight_decay off each weight, as AdamW does, instead of adding the penalty to the gradient"),
        dv::p("maximize", &RAdam::maximize, false, "go up the gradient instead of down"),
        dv::p("groups", &RAdam::rules, dv::empty,
              "parameters with other rates, by name pattern; the rest is 'regular'"));

    std::vector<dv::GroupOption> options(std::size_t group) const override {
        const dv::ParameterGroup& of = groups_.at(group);
        return {{"lr", {of.lr}},
                betas_option(group),
                {"eps", {eps}},
                {"weight_decay", {of.weight_decay}},
                dv::optimizers::flag("maximize", maximize),
                dv::optimizers::flag("capturable", false),
                dv::optimizers::flag("differentiable", false),
                dv::optimizers::flag("decoupled_weight_decay", decoupled_weight_decay)};
    }

private:
    static constexpr std::size_t kStep = 0, kAverage = 1, kSquare = 2;

    std::vector<dv::optimizers::StateKey> keys() const override {
        return {{"step", StateShape::host_scalar},
                {"exp_avg", StateShape::like_parameter},
                {"exp_avg_sq", StateShape::like_parameter}};
    }
    void step_gathered(const dv::ParameterGroup& group, std::size_t index, dv::optimizers::Gathered& of) override {
        take_gradients(group, index, of, kStep, kAverage, kSquare);
        shares_.clear();
        std::vector<at::Tensor> denominator = at::_foreach_sqrt(of.state[kSquare]);
        at::_foreach_add_(denominator, eps);
        for (std::size_t i = 0; i < of.parameters.size(); ++i) {
            const double t = of.number(of.state[kStep][i]), rectified = rectification(t);
            if (rectified == 0.0) denominator[i] = at::ones_like(denominator[i]);
            shares_.emplace_back(-group.lr * (rectified == 0.0 ? 1.0 : rectified) / (1.0 - std::pow(beta1(index), t)));
        }
        at::_foreach_addcdiv_(of.parameters, of.state[kAverage], denominator, shares_);
    }
    /// r · √(1−β₂ᵗ); 0 while the variance of v is not to be trusted.
    double rectification(double t) const {
        const double power = std::pow(beta2(), t), corrected = 1.0 - power;
        const double longest = 2.0 / (1.0 - beta2()) - 1.0, rho = longest - 2.0 * t * power / corrected;
        if (!(rho > 5.0)) return 0.0;
        return std::sqrt((rho - 4.0) * (rho - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * rho)) *
               std::sqrt(corrected);
    }

    std::vector<at::Scalar> shares_;  // of the step in hand, by parameter
};

}  // namespace

DV_COMPONENT(RAdam, "dvhost.optimizer.radam", "RAdam: Adam with a rectified start (Liu et al. 2020)");

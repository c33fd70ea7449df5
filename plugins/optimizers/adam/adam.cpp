#include "fused_adam.hpp"

#include <dv/torch/optimizer.hpp>

namespace {

/// Adam (Kingma and Ba, ICLR 2015):  m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²,
/// θ ← θ − lr · m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε),  with  g ← g + weight_decay · θ  before.
struct Adam final : dv::optimizers::FusedAdam {
    Adam() : FusedAdam(dv::optimizers::WeightDecay::in_gradient) {}
    static constexpr auto params = dv::schema(
        dv::p("lr", &Adam::lr, 1e-3, "learning rate", dv::at_least{0.0}),
        dv::p("betas", &Adam::betas, dv::list(0.9, 0.999),
              "decay per step of the running averages of gradient and squared gradient", dv::at_least{0.0},
              dv::below{1.0}),
        dv::p("eps", &Adam::eps, 1e-8, "added to the denominator", dv::at_least{0.0}),
        dv::p("weight_decay", &Adam::weight_decay, 0.0, "L2 penalty: its gradient is added to the gradient",
              dv::at_least{0.0}),
        dv::p("amsgrad", &Adam::amsgrad, false, "divide by the largest running average so far (Reddi et al. 2018)"),
        dv::p("maximize", &Adam::maximize, false, "go up the gradient instead of down"),
        dv::p("groups", &Adam::rules, dv::empty,
              "parameters with other rates, by name pattern; the rest is 'regular'"));
};

}  // namespace

DV_COMPONENT(Adam, "dvhost.optimizer.adam", "Adam (Kingma and Ba 2015), with L2 weight decay in the gradient");

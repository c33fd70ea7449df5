#include "fused_adam.hpp"

#include <dv/torch/optimizer.hpp>

namespace {

/// AdamW (Loshchilov and Hutter, ICLR 2019):  θ ← θ · (1 − lr · weight_decay),  then Adam's step from the bare gradient.
struct AdamW final : dv::optimizers::FusedAdam {
    AdamW() : FusedAdam(dv::optimizers::WeightDecay::decoupled) {}
    static constexpr auto params = dv::schema(
        dv::p("lr", &AdamW::lr, 1e-3, "learning rate", dv::at_least{0.0}),
        dv::p("betas", &AdamW::betas, dv::list(0.9, 0.999),
              "decay per step of the running averages of gradient and squared gradient", dv::at_least{0.0},
              dv::below{1.0}),
        dv::p("eps", &AdamW::eps, 1e-8, "added to the denominator", dv::at_least{0.0}),
        dv::p("weight_decay", &AdamW::weight_decay, 1e-2,
              "share of each weight, times lr, that is taken off before the step", dv::at_least{0.0}),
        dv::p("amsgrad", &AdamW::amsgrad, false, "divide by the largest running average so far (Reddi et al. 2018)"),
        dv::p("maximize", &AdamW::maximize, false, "go up the gradient instead of down"),
        dv::p("groups", &AdamW::rules, dv::empty,
              "parameters with other rates, by name pattern; the rest is 'regular'"));
};

}  // namespace

DV_COMPONENT(AdamW, "dvhost.optimizer.adamw", "AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019)");

#include "fused_adam.hpp"

#include <dv/torch/optimizer.hpp>

namespace {

/// AdamW (Loshchilov and Hutter, ICLR 2019):  θ ← θ · (1 − lr · weight_decay),  then Adam's step from the bare gradient.
struct AdamW final : dv::Optimizer {
    std::vector<double> betas;
    double eps = 0.0;
    bool amsgrad = false;
    bool maximize = false;
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

    void open() override {
        if (betas.size() != 2) {
            throw dv::ParameterError(
                "betas", "takes two numbers, such as [0.9, 0.999], but " + std::to_string(betas.size()) + " are given");
        }
    }
    void build(std::span<const dv::NamedTensor> trainable) override {
        Optimizer::build(trainable);
        adam_.build({betas[0], betas[1], eps, amsgrad, maximize}, dv::optimizers::WeightDecay::decoupled, groups_);
    }
    std::vector<dv::OptimizerState> state() const override { return adam_.state().list(); }
    void load_state(std::span<const dv::OptimizerState> states) override { adam_.state().load(states); }
    std::vector<dv::GroupOption> options(std::size_t group) const override { return adam_.options(groups_.at(group)); }

private:
    void step_group(dv::ParameterGroup& group) override {
        adam_.step(group, static_cast<std::size_t>(&group - groups_.data()));
    }
    dv::optimizers::FusedAdam adam_;
};

}  // namespace

DV_COMPONENT(AdamW, "dvhost.optimizer.adamw", "AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019)");

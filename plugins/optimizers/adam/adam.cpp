#include "fused_adam.hpp"

#include <dv/torch/optimizer.hpp>

namespace {

/// Adam (Kingma and Ba, ICLR 2015):  m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²,
/// θ ← θ − lr · m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε),  with  g ← g + weight_decay · θ  before.
struct Adam final : dv::Optimizer {
    std::vector<double> betas;
    double eps = 0.0;
    bool amsgrad = false;
    bool maximize = false;
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

    void open() override {
        if (betas.size() != 2) {
            throw dv::ParameterError(
                "betas", "takes two numbers, such as [0.9, 0.999], but " + std::to_string(betas.size()) + " are given");
        }
    }
    void build(std::span<const dv::NamedTensor> trainable) override {
        Optimizer::build(trainable);
        adam_.build({betas[0], betas[1], eps, amsgrad, maximize}, dv::optimizers::WeightDecay::in_gradient, groups_);
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

DV_COMPONENT(Adam, "dvhost.optimizer.adam", "Adam (Kingma and Ba 2015), with L2 weight decay in the gradient");

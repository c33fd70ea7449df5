#include "table_optimizer.hpp"

#include <ATen/ops/_fused_adagrad.h>

namespace {

using dv::optimizers::StateShape;

/// Adagrad (Duchi, Hazan and Singer, JMLR 2011):  s ← s + g²,  θ ← θ − lr / (1 + (t−1) · lr_decay) · g / (√s + ε),  with
/// g ← g + weight_decay · θ  before.
struct Adagrad final : dv::optimizers::TableOptimizer {
    double lr_decay = 0.0, initial_accumulator_value = 0.0, eps = 0.0;
    bool maximize = false;
    static constexpr auto params =
        dv::schema(dv::p("lr", &Adagrad::lr, 1e-2, "learning rate", dv::at_least{0.0}),
                   dv::p("lr_decay", &Adagrad::lr_decay, 0.0,
                         "after t steps the learning rate is divided by 1 + t * lr_decay", dv::at_least{0.0}),
                   dv::p("weight_decay", &Adagrad::weight_decay, 0.0,
                         "L2 penalty: its gradient is added to the gradient", dv::at_least{0.0}),
                   dv::p("initial_accumulator_value", &Adagrad::initial_accumulator_value, 0.0,
                         "what the sum of squared gradients starts with", dv::at_least{0.0}),
                   dv::p("eps", &Adagrad::eps, 1e-10, "added to the denominator", dv::at_least{0.0}),
                   dv::p("maximize", &Adagrad::maximize, false, "go up the gradient instead of down"),
                   dv::p("groups", &Adagrad::rules, dv::empty,
                         "parameters with other rates, by name pattern; the rest is 'regular'"));

    /// Unlike the others it has state from the start, in PyTorch too.
    void build(std::span<const dv::NamedTensor> trainable) override {
        TableOptimizer::build(trainable);
        std::size_t parameter = 0;
        for (const dv::ParameterGroup& group : groups_) {
            for (std::size_t i = 0; i < group.parameters.size(); ++i) begin(parameter++);
        }
    }
    std::vector<dv::GroupOption> options(std::size_t group) const override {
        const dv::ParameterGroup& of = groups_.at(group);
        return {
            {"lr", {of.lr}},
            {"lr_decay", {lr_decay}},
            {"eps", {eps}},
            {"weight_decay", {of.weight_decay}},
            {"initial_accumulator_value", {initial_accumulator_value}},
            dv::optimizers::flag("maximize", maximize),
            dv::optimizers::flag("differentiable", false),
            dv::optimizers::flag("fused", of.parameters.front().tensor.is_cpu())};  // PyTorch has no fused one for CUDA
    }

private:
    static constexpr std::size_t kStep = 0, kSum = 1;

    std::vector<dv::optimizers::StateKey> keys() const override {
        return {{"step", StateShape::scalar}, {"sum", StateShape::like_parameter}};
    }
    void begin(std::size_t parameter) override {
        state_.start(kStep, parameter);
        state_.start(kSum, parameter, initial_accumulator_value);
    }
    void step_gathered(const dv::ParameterGroup& group, std::size_t, dv::optimizers::Gathered& of) override {
        of.count_step(kStep);  // the kernel reads the count of the step that it takes
        at::_fused_adagrad_(of.parameters, of.gradients, of.state[kSum], of.state[kStep], group.lr, lr_decay,
                            group.weight_decay, eps, maximize);
    }
};

}  // namespace

DV_COMPONENT(Adagrad, "dvhost.optimizer.adagrad", "Adagrad (Duchi, Hazan and Singer 2011)");

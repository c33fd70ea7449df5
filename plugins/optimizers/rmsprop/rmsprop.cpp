#include "table_optimizer.hpp"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_addcdiv.h>
#include <ATen/ops/_foreach_addcmul.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_sqrt.h>

namespace {

using dv::optimizers::StateShape;

/// RMSprop (Tieleman and Hinton 2012; centered: Graves 2013, arXiv:1308.0850):  v ← αv + (1−α)g²,
/// θ ← θ − lr · g / (√v + ε),  with  g ← g + weight_decay · θ  before. Centered: v − m² in place of v, m ← αm + (1−α)g.
/// With momentum:  b ← momentum · b + g / (√v + ε),  θ ← θ − lr · b.
struct RmsProp final : dv::optimizers::TableOptimizer {
    double alpha = 0.0, eps = 0.0, momentum = 0.0;
    bool centered = false, maximize = false;
    static constexpr auto params = dv::schema(
        dv::p("lr", &RmsProp::lr, 1e-2, "learning rate", dv::at_least{0.0}),
        dv::p("alpha", &RmsProp::alpha, 0.99, "decay per step of the running average of the squared gradient",
              dv::at_least{0.0}, dv::below{1.0}),
        dv::p("eps", &RmsProp::eps, 1e-8, "added to the denominator", dv::at_least{0.0}),
        dv::p("weight_decay", &RmsProp::weight_decay, 0.0, "L2 penalty: its gradient is added to the gradient",
              dv::at_least{0.0}),
        dv::p("momentum", &RmsProp::momentum, 0.0, "share of the last step's direction that is kept",
              dv::at_least{0.0}),
        dv::p("centered", &RmsProp::centered, false, "divide by the gradient's deviation from its running average"),
        dv::p("maximize", &RmsProp::maximize, false, "go up the gradient instead of down"),
        dv::p("groups", &RmsProp::rules, dv::empty,
              "parameters with other rates, by name pattern; the rest is 'regular'"));

    void build(std::span<const dv::NamedTensor> trainable) override {
        TableOptimizer::build(trainable);
        momenta_.assign(groups_.size(), momentum);
    }
    void set_momentum(std::size_t group, double value) override {
        if (momentum == 0.0) {
            throw dv::ParameterError("momentum",
                                     "is 0, and a schedule wants to change it; give one above 0, or leave it out of "
                                     "the schedule (cycle_momentum = false)");
        }
        momenta_.at(group) = value;
    }
    std::vector<dv::GroupOption> options(std::size_t group) const override {
        const dv::ParameterGroup& of = groups_.at(group);
        return {{"lr", {of.lr}},
                {"momentum", {momenta_.at(group)}},
                {"alpha", {alpha}},
                {"eps", {eps}},
                dv::optimizers::flag("centered", centered),
                {"weight_decay", {of.weight_decay}},
                dv::optimizers::flag("capturable", false),
                dv::optimizers::flag("maximize", maximize),
                dv::optimizers::flag("differentiable", false)};
    }

private:
    static constexpr std::size_t kStep = 0, kSquare = 1;
    std::size_t momentum_key() const { return 2; }
    std::size_t average_key() const { return momentum > 0.0 ? 3 : 2; }

    std::vector<dv::optimizers::StateKey> keys() const override {
        std::vector<dv::optimizers::StateKey> keys{{"step", StateShape::host_scalar},
                                                   {"square_avg", StateShape::like_parameter}};
        if (momentum > 0.0) keys.push_back({"momentum_buffer", StateShape::like_parameter});
        if (centered) keys.push_back({"grad_avg", StateShape::like_parameter});
        return keys;
    }
    void step_gathered(const dv::ParameterGroup& group, std::size_t index, dv::optimizers::Gathered& of) override {
        of.count_step(kStep);
        const std::vector<at::Tensor> g = of.descent(group.weight_decay, maximize);
        of.average_squares(kSquare, g, alpha);
        const std::vector<at::Tensor> denominator = root(of, g);
        at::_foreach_add_(denominator, eps);
        if (momentum > 0.0) {
            at::_foreach_mul_(of.state[momentum_key()], momenta_[index]);
            at::_foreach_addcdiv_(of.state[momentum_key()], g, denominator, 1.0);
            at::_foreach_add_(of.parameters, of.state[momentum_key()], -group.lr);
        } else {
            at::_foreach_addcdiv_(of.parameters, g, denominator, -group.lr);
        }
    }
    std::vector<at::Tensor> root(dv::optimizers::Gathered& of, const std::vector<at::Tensor>& g) const {
        if (!centered) return at::_foreach_sqrt(of.state[kSquare]);
        const std::vector<at::Tensor>& average = of.state[average_key()];
        of.average(average_key(), g, alpha);
        const std::vector<at::Tensor> variance = at::_foreach_addcmul(of.state[kSquare], average, average, -1.0);
        at::_foreach_sqrt_(variance);
        return variance;
    }

    std::vector<double> momenta_;  // by group; a schedule may change them
};

}  // namespace

DV_COMPONENT(RmsProp, "dvhost.optimizer.rmsprop",
             "RMSprop (Tieleman and Hinton 2012), centered and with momentum if asked for");

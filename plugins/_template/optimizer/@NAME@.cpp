// An optimizer turns gradients into new weights. The base class sorts parameters into groups by name and keeps the
// learning rates, which a schedule changes; what is left to write is how one group steps, and what it remembers.
#include <dv/torch/optimizer.hpp>

#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

namespace {

/// Gradient descent with momentum (Polyak 1964), in PyTorch's form:
///
///     v <- momentum v + g,    w <- w - lr v
struct @CLASS_NAME@ final : dv::Optimizer {
    double momentum = 0;
    // `lr` and `groups` fill members of the base class; every optimizer declares them, with a default of its own.
    static constexpr auto params =
        dv::schema(dv::p("lr", &@CLASS_NAME@::lr, 0.01, "learning rate", dv::above{0.0}),
                   dv::p("momentum", &@CLASS_NAME@::momentum, 0.9, "share of the last step's direction that is kept",
                         dv::range{0, 1}),
                   dv::p("groups", &@CLASS_NAME@::rules, dv::empty,
                         "parameters with other rates, by name pattern; the rest is 'regular'"));

    // A schedule may change the momentum of a group. An optimizer that has none leaves this hook out.
    void build(std::span<const dv::NamedTensor> trainable) override {
        Optimizer::build(trainable);
        momenta_.assign(groups_.size(), momentum);
    }
    void set_momentum(std::size_t group, double value) override { momenta_.at(group) = value; }

    // State is listed under PyTorch's names, in the order of the parameters, so that checkpoints can be exchanged.
    std::vector<dv::OptimizerState> state() const override {
        std::vector<dv::OptimizerState> out;
        for (const auto& [parameter, v] : velocity_) out.push_back({parameter, "momentum_buffer", v});
        return out;
    }
    void load_state(std::span<const dv::OptimizerState> states) override {
        velocity_.clear();
        for (const dv::OptimizerState& s : states) {
            if (s.key != "momentum_buffer")
                throw dv::Error("expected the state 'momentum_buffer', found '" + s.key + "'");
            velocity_[s.parameter] = s.tensor.clone();  // a copy: what was handed in stays the caller's
        }
    }
    std::vector<dv::GroupOption> options(std::size_t group) const override {
        return {{.key = "lr", .values = {groups_.at(group).lr}}, {.key = "momentum", .values = {momenta_.at(group)}}};
    }

private:
    void step_group(dv::ParameterGroup& group) override {
        const c10::NoGradGuard parameters_are_leaves;
        std::int64_t parameter = first_of(group);
        const double share = momenta_[static_cast<std::size_t>(&group - groups_.data())];
        for (const dv::NamedTensor& p : group.parameters) step_parameter(p.tensor, parameter++, group.lr, share);
    }
    void step_parameter(const at::Tensor& p, std::int64_t parameter, double rate, double share) {
        if (!p.grad().defined()) return;  // not part of this step
        at::Tensor& v = velocity_[parameter];
        if (!v.defined()) v = at::zeros_like(p);
        v.mul_(share).add_(p.grad());
        p.sub_(v, rate);
    }
    /// The index of a group's first parameter, counted over all groups.
    std::int64_t first_of(const dv::ParameterGroup& group) const {
        std::int64_t first = 0;
        for (const dv::ParameterGroup& g : groups_) {
            if (&g == &group) break;
            first += static_cast<std::int64_t>(g.parameters.size());
        }
        return first;
    }
    std::vector<double> momenta_;                  // by group
    std::map<std::int64_t, at::Tensor> velocity_;  // by parameter
};

}  // namespace

DV_COMPONENT(@CLASS_NAME@, "@ID@", "Gradient descent with momentum");

#include "state_table.hpp"

#include <dv/torch/optimizer.hpp>

#include <ATen/ops/_fused_sgd.h>
#include <c10/core/GradMode.h>

namespace {

/// Stochastic gradient descent:  g ← g + weight_decay · θ,  b ← momentum · b + (1 − dampening) · g  (the first time b ← g),
/// θ ← θ − lr · b,  or with Nesterov's momentum  θ ← θ − lr · (g + momentum · b)  (Sutskever et al., ICML 2013).
struct Sgd final : dv::Optimizer {
    double momentum = 0.0;
    double dampening = 0.0;
    bool nesterov = false;
    bool maximize = false;
    static constexpr auto params = dv::schema(
        dv::p("lr", &Sgd::lr, 1e-3, "learning rate", dv::at_least{0.0}),
        dv::p("momentum", &Sgd::momentum, 0.0, "share of the last step's direction that is kept", dv::at_least{0.0}),
        dv::p("dampening", &Sgd::dampening, 0.0, "share of the gradient that is kept out of the momentum"),
        dv::p("weight_decay", &Sgd::weight_decay, 0.0, "L2 penalty: its gradient is added to the gradient",
              dv::at_least{0.0}),
        dv::p("nesterov", &Sgd::nesterov, false, "look ahead by one step of momentum"),
        dv::p("maximize", &Sgd::maximize, false, "go up the gradient instead of down"),
        dv::p("groups", &Sgd::rules, dv::empty, "parameters with other rates, by name pattern; the rest is 'regular'"));

    void open() override {
        if (nesterov && (momentum == 0.0 || dampening != 0.0)) {
            throw dv::ParameterError("nesterov", "needs a momentum above 0 and no dampening, but momentum is " +
                                                     std::to_string(momentum) + " and dampening " +
                                                     std::to_string(dampening));
        }
    }
    void build(std::span<const dv::NamedTensor> trainable) override {
        Optimizer::build(trainable);
        state_.build({{"momentum_buffer", dv::optimizers::StateShape::like_parameter}}, groups_);
        momenta_.assign(groups_.size(), momentum);
    }
    void set_momentum(std::size_t group, double value) override { momenta_.at(group) = value; }
    std::vector<dv::OptimizerState> state() const override { return state_.list(); }
    void load_state(std::span<const dv::OptimizerState> states) override { state_.load(states); }
    std::vector<dv::GroupOption> options(std::size_t group) const override {
        const dv::ParameterGroup& of = groups_.at(group);
        return {{"lr", {of.lr}},
                {"momentum", {momenta_.at(group)}},
                {"dampening", {dampening}},
                {"weight_decay", {of.weight_decay}},
                {"nesterov", {nesterov ? 1.0 : 0.0}, true},
                {"maximize", {maximize ? 1.0 : 0.0}, true},
                {"differentiable", {0.0}, true},
                {"fused", {1.0}, true}};
    }

private:
    /// The fused kernel's lists, which keep their memory from step to step.
    struct Lists {
        std::vector<at::Tensor> parameters, gradients, buffers;
        void clear() {
            for (auto* list : {&parameters, &gradients, &buffers}) list->clear();
        }
    };
    static constexpr std::size_t kMomentum = 0;

    void step_group(dv::ParameterGroup& group) override {
        const c10::NoGradGuard parameters_are_leaves;
        starting_.clear();
        going_.clear();
        const auto index = static_cast<std::size_t>(&group - groups_.data());
        std::size_t p = state_.first(index);
        for (const dv::NamedTensor& parameter : group.parameters) add(parameter.tensor, p++, momenta_[index] != 0.0);
        update(group, momenta_[index], starting_, /*is_first_step=*/true);
        update(group, momenta_[index], going_, /*is_first_step=*/false);
    }
    /// The kernel fills buffers on their first step, so parameters without one go in a call of their own.
    void add(const at::Tensor& parameter, std::size_t p, bool has_momentum) {
        at::Tensor gradient = dv::optimizers::gradient_of(parameter);
        if (!gradient.defined()) return;
        const bool starts = has_momentum && !state_.has(kMomentum, p);
        if (starts) state_.start(kMomentum, p);
        Lists& lists = starts ? starting_ : going_;
        lists.parameters.push_back(parameter);
        lists.gradients.push_back(std::move(gradient));
        if (has_momentum) lists.buffers.push_back(state_.at(kMomentum, p));
    }
    void update(const dv::ParameterGroup& group, double beta, const Lists& lists, bool is_first_step) const {
        if (lists.parameters.empty()) return;
        at::_fused_sgd_(lists.parameters, lists.gradients, lists.buffers, group.weight_decay, beta, group.lr, dampening,
                        nesterov, maximize, is_first_step);
    }

    dv::optimizers::StateTable state_;
    std::vector<double> momenta_;  // by group; a schedule may change them
    Lists starting_, going_;
};

}  // namespace

DV_COMPONENT(Sgd, "dvhost.optimizer.sgd", "Stochastic gradient descent with momentum");

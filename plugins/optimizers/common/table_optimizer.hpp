#pragma once
/// An optimizer whose state is a table of tensors by parameter and key.

#include "gathered.hpp"
#include "state_table.hpp"

#include <dv/torch/optimizer.hpp>

#include <c10/core/GradMode.h>

#include <string>
#include <vector>

namespace dv::optimizers {

class TableOptimizer : public Optimizer {
public:
    void build(std::span<const NamedTensor> trainable) override {
        Optimizer::build(trainable);
        state_.build(keys(), groups_);
    }
    std::vector<OptimizerState> state() const override { return state_.list(); }
    void load_state(std::span<const OptimizerState> states) override { state_.load(states); }

protected:
    /// What is kept of each parameter; called once, when it is built.
    virtual std::vector<StateKey> keys() const = 0;
    /// One step of the gathered parameters of group `index`.
    virtual void step_gathered(const ParameterGroup& group, std::size_t index, Gathered& gathered) = 0;
    /// Gives state to a parameter whose first gradient this is: zeros.
    virtual void begin(std::size_t parameter) {
        for (std::size_t key = 0; key < state_.n_keys(); ++key) state_.start(key, parameter);
    }

    void step_group(ParameterGroup& group) override {
        const c10::NoGradGuard parameters_are_leaves;
        const std::size_t index = index_of(group);
        if (gathered_.gather(group, state_.first(index), state_, [&](std::size_t p) { begin(p); })) {
            step_gathered(group, index, gathered_);
        }
    }
    std::size_t index_of(const ParameterGroup& group) const {
        return static_cast<std::size_t>(&group - groups_.data());
    }

    StateTable state_;

private:
    Gathered gathered_;
};

/// With two betas, of which a schedule can change the first, group by group.
class BetasOptimizer : public TableOptimizer {
public:
    std::vector<double> betas;

    void open() override {
        if (betas.size() == 2) return;
        throw ParameterError(
            "betas", "takes two numbers, such as [0.9, 0.999], but " + std::to_string(betas.size()) + " are given");
    }
    void build(std::span<const NamedTensor> trainable) override {
        TableOptimizer::build(trainable);
        beta1_.assign(groups_.size(), betas[0]);
    }
    void set_momentum(std::size_t group, double value) override { beta1_.at(group) = value; }

protected:
    double beta1(std::size_t group) const { return beta1_.at(group); }
    double beta2() const { return betas[1]; }
    GroupOption betas_option(std::size_t group) const { return {"betas", {beta1(group), beta2()}}; }

private:
    std::vector<double> beta1_;
};

/// A flag as PyTorch's param_groups have it.
inline GroupOption flag(std::string key, bool value) { return {std::move(key), {value ? 1.0 : 0.0}, true}; }

}  // namespace dv::optimizers

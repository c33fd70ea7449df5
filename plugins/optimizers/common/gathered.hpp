#pragma once
/// A group's parameters that have a gradient, and their state, as lists that LibTorch's kernels over lists take.

#include "state_table.hpp"

#include <vector>

namespace dv::optimizers {

/// Filled anew at every step; the lists keep their memory.
struct Gathered {
    std::vector<at::Tensor> parameters, gradients;
    std::vector<std::vector<at::Tensor>> state;  ///< [key of the table][parameter]

    /// `begin(p)` gives state to parameter `p`, whose first gradient this is. False when nothing has a gradient.
    template <class Begin>
    bool gather(const ParameterGroup& group, std::size_t first, const StateTable& table, const Begin& begin) {
        clear(table.n_keys());
        for (std::size_t i = 0; i < group.parameters.size(); ++i) {
            const at::Tensor& parameter = group.parameters[i].tensor;
            at::Tensor gradient = gradient_of(parameter);
            if (!gradient.defined()) continue;
            if (!table.has(0, first + i)) begin(first + i);
            parameters.push_back(parameter);
            gradients.push_back(std::move(gradient));
            for (std::size_t key = 0; key < state.size(); ++key) state[key].push_back(table.at(key, first + i));
        }
        return !parameters.empty();
    }
    /// One more in the "step" of each.
    void count_step(std::size_t key);
    /// Its value, read without waiting for a device: for state on the CPU.
    static double number(const at::Tensor& host_scalar) { return *host_scalar.const_data_ptr<float>(); }

    /// What is to be descended: the gradients, or their opposites, plus weight_decay · θ.
    std::vector<at::Tensor> descent(double weight_decay, bool maximize) const;
    /// θ ← θ · (1 − lr · weight_decay).
    void shrink(double lr, double weight_decay);
    /// m ← decay · m + (1 − decay) · g, and the same of g², for the state under `key`.
    void average(std::size_t key, const std::vector<at::Tensor>& g, double decay);
    void average_squares(std::size_t key, const std::vector<at::Tensor>& g, double decay);

private:
    void clear(std::size_t n_keys);
};

}  // namespace dv::optimizers

#pragma once
/// Everything that LBFGS keeps from step to step, and its form in checkpoints.

#include "flat.hpp"
#include "history.hpp"

#include <span>
#include <string>
#include <vector>

namespace dv::lbfgs {

struct Memory {
    std::int64_t func_evals = 0, n_iter = 0;
    at::Tensor direction;  ///< flat, of the last iteration
    double t = 0.0;        ///< how far it went along it
    at::Tensor previous_gradient;
    double previous_loss = 0.0;
    History history;

    /// Under PyTorch's keys, all at the first parameter. Lists of tensors are stacked into one with a dimension more, and
    /// numbers are tensors of no dimension. Nothing before the first step.
    std::vector<OptimizerState> list(const Flat& flat) const;
    /// Throws Error when it is not the state of an LBFGS over this many values.
    static Memory from(std::span<const OptimizerState> states, const Flat& flat);
};

}  // namespace dv::lbfgs

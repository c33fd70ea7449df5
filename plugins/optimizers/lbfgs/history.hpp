#pragma once
/// What LBFGS remembers of the curvature: the last pairs of a step and the change of the gradient over it.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace dv::lbfgs {

struct History {
    std::size_t size() const { return changes.size(); }

    /// Keeps the pair if the function curves upwards along it, instead of the oldest when there are `capacity` already.
    void add(const at::Tensor& change, const at::Tensor& step, std::size_t capacity) {
        const double curvature = change.dot(step).item<double>();
        if (!(curvature > 1e-10)) return;
        if (size() == capacity) {
            changes.erase(changes.begin());
            steps.erase(steps.begin());
            inverses.erase(inverses.begin());
        }
        changes.push_back(change);
        steps.push_back(step);
        inverses.push_back(1.0 / curvature);
        scale = curvature / change.dot(change).item<double>();
    }
    /// Minus the gradient times the inverse Hessian that the pairs speak of (Nocedal & Wright 2006, algorithm 7.4).
    at::Tensor direction(const at::Tensor& gradient) const {
        at::Tensor q = gradient.neg();
        std::vector<double> shares(size());
        for (std::size_t i = size(); i-- > 0;) {
            shares[i] = steps[i].dot(q).item<double>() * inverses[i];
            q.add_(changes[i], -shares[i]);
        }
        q = q.mul(scale);
        for (std::size_t i = 0; i < size(); ++i) {
            q.add_(steps[i], shares[i] - changes[i].dot(q).item<double>() * inverses[i]);
        }
        return q;
    }

    std::vector<at::Tensor> changes, steps;  ///< flat, oldest first; PyTorch's old_dirs and old_stps
    std::vector<double> inverses;            ///< of their products; PyTorch's ro
    double scale = 1.0;                      ///< the inverse Hessian's first guess; PyTorch's H_diag
};

}  // namespace dv::lbfgs

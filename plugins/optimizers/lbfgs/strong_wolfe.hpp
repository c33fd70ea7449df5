#pragma once
/// A line search for the strong Wolfe conditions (Nocedal & Wright 2006, algorithms 3.5 and 3.6), step for step as
/// PyTorch's LBFGS has it.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

namespace dv::lbfgs {

/// The function at one place along the line.
struct Point {
    double t = 0.0;  ///< how far
    double loss = 0.0;
    at::Tensor gradient;  ///< flat
    double slope = 0.0;   ///< gradient · direction
};

struct Search {
    at::Tensor direction;
    double first_t = 1.0;
    std::int64_t max_evaluations = 25;
    double c1 = 1e-4, c2 = 0.9, tolerance_change = 1e-9;
};

/// The best point found. `evaluate(t)`: loss, gradient and slope there. `start`: the point at t = 0.
Point strong_wolfe(const Search& search, const Point& start, const std::function<Point(double t)>& evaluate);

}  // namespace dv::lbfgs

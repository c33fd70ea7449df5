#pragma once
/// The part of a recurrent layer that has to go step by step, element by element: sum of drives, solver, nonlinearity.
///
///   x[j] = Σ drives[j] ,  with `rectify_drive` max(x, 0)
///   y[j] = c0 · h[j − 1] + c1 · x[j]   (first_c1 · x[j] where there is no h[j − 1])
///   h[j] = f(y[j]),  f = ReLU if `rectify`, then gain · sign · |·|^exponent if `supralinear`
///
/// All tensors are dense with the same layout; only their element order matters here.

#include "parallel.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace dv::temporal::fast {

struct Power {
    double gain = 0.8, exponent = 1.8;
};

struct ScanRule {
    double c0 = 0.0, c1 = 1.0;
    std::optional<double> first_c1;
    bool rectify_drive = false, rectify = false;
    std::optional<Power> power;
};

/// One step's operands; null pointers are absent.
template <class T>
struct ForwardStep {
    std::vector<const T*> drives;
    double c1 = 1.0;
    T* h = nullptr;
    T* y = nullptr;                     ///< where y is kept; null: nowhere
    unsigned char* positive = nullptr;  ///< where x > 0 is kept, for `rectify_drive`; null: nowhere
};

template <class T>
struct BackwardStep {
    std::array<const T*, 2> gradients{};  ///< of the loss by h[j]: summed
    double c1 = 1.0;
    const T* h = nullptr;
    const T* y = nullptr;  ///< needed for `power`
    const unsigned char* positive = nullptr;
    const T* previous = nullptr;  ///< h[j − 1], for the sums; null: zeros
    T* drive = nullptr;           ///< receives the gradient by x[j]
};

/// Sums over all steps and elements.
struct ScanSums {
    double y = 0.0;                     ///< Σ dy · y
    double previous = 0.0;              ///< Σ dy · h[j − 1]
    double gain = 0.0, exponent = 0.0;  ///< gradients by the power's constants
};

/// float for float and bfloat16, double for double.
template <class T>
struct Accumulator {
    using type = float;
};
template <>
struct Accumulator<double> {
    using type = double;
};
template <class T>
using accumulator_t = typename Accumulator<T>::type;

/// `carry` [size] is h before the first step and after the last one. `team` as in parallel_for().
template <class T>
void scan_forward(Team* team, const ScanRule& rule, const std::vector<ForwardStep<T>>& steps, accumulator_t<T>* carry,
                  std::int64_t size);

/// Steps from last to first. `carry` [size] is the gradient by h that flows in from later steps through the solver, and at last
/// flows out to earlier ones. Sums are added to `sums` where it is given, in an order that no thread count changes.
template <class T>
void scan_backward(Team* team, const ScanRule& rule, const std::vector<BackwardStep<T>>& steps, accumulator_t<T>* carry,
                   std::int64_t size, ScanSums* sums);

}  // namespace dv::temporal::fast

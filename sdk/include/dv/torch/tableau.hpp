#pragma once
/// Explicit Runge-Kutta methods as tables of numbers: what a solver says of itself when its drive has to be evaluated more than
/// once in a step.

#include <array>
#include <cstdint>

namespace dv {

/// From y at t to y at t + h, for dy/dt = f(t, y):
///
///     k[i] = f(t + c[i]·h, y + h·Σ_{j<i} a[i][j]·k[j])          i = 0 … stages − 1
///     y'   = y + h·Σ_i b[i]·k[i]                                 of order `order`
///
/// An embedded pair also tells its error, h·Σ_i error[i]·k[i] (the result minus that of the other order), and chooses h by it.
/// Between the ends, y(t + θ·h) = y + h·Σ_i k[i]·Σ_m dense[i][m]·θ^(m+1), if dense_degree > 0; methods without such a polynomial
/// are interpolated from values and slopes at both ends (cubic Hermite).
/// Source: Hairer, Norsett & Wanner, "Solving Ordinary Differential Equations I", II.1, II.4 and II.6.
struct Tableau {
    static constexpr std::int32_t kMostStages = 8, kMostDegree = 5;

    std::int32_t stages = 1;
    std::int32_t order = 1;
    std::int32_t embedded_order = 0;  ///< of the other result; 0: fixed steps
    std::int32_t dense_degree = 0;    ///< of the polynomial in θ; 0: none
    double rtol = 0.0, atol = 0.0;  ///< of an embedded pair: a step is taken when |error| ≤ atol + rtol·|y| everywhere
    std::array<double, kMostStages> c{};
    std::array<std::array<double, kMostStages>, kMostStages> a{};  ///< zero where j ≥ i
    std::array<double, kMostStages> b{};
    std::array<double, kMostStages> error{};
    std::array<std::array<double, kMostDegree>, kMostStages> dense{};

    bool adaptive() const { return embedded_order > 0; }
    /// The last stage is at the end of the step and has its result: it is the first of the next step.
    bool first_same_as_last() const {
        const auto last = static_cast<std::size_t>(stages - 1);
        return stages > 1 && c[last] == 1.0 && a[last] == b;
    }
    bool operator==(const Tableau&) const = default;
};

namespace abi::v1 {
struct
    Tableau { /* rows one after the other, `stages` wide; dense: `dense_degree` wide. They live as long as the solver */
    std::int32_t stages, order, embedded_order, dense_degree;
    double rtol, atol;
    const double* c;
    const double* a;
    const double* b;
    const double* error;
    const double* dense;
};
}  // namespace abi::v1

}  // namespace dv

#pragma once
/// A layer's past as a function of time: exact at knots, interpolated between them.

#include <dv/temporal/state.hpp>

#include <functional>
#include <utility>
#include <vector>

namespace dv::temporal {

/// From which side a jump is seen.
enum class Side { left, right };

/// How one layer is read between its knots.
struct Reading {
    HistoryInterpolation how = HistoryInterpolation::linear;  ///< hold, linear or polynomial
    const Tableau* method = nullptr;                          ///< whose polynomial; null, or one without: cubic Hermite
    std::function<at::Tensor(const at::Tensor&)>
        respond;             ///< from an interpolated value to a response; empty: it is one
    double tolerance = 0.0;  ///< [ms] two times nearer than this are the same
};

/// The response at `time`; undefined before the first knot, and between two absent ones. Where one end of an interval is absent it
/// counts as zero. Without slopes a polynomial is a straight line. Throws Error beyond the last knot.
at::Tensor read(const std::vector<Knot>& knots, double time, Side side, const Reading& reading);

/// Σ factor · tensor over those that are defined; undefined if none is.
at::Tensor weighted_sum(const std::vector<std::pair<at::Tensor, double>>& terms);

}  // namespace dv::temporal

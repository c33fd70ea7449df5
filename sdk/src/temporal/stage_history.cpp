#include "stage_history.hpp"

#include <dv/error.hpp>

#include <algorithm>
#include <iterator>
#include <string>

namespace dv::temporal {

namespace {

at::Tensor on_line(const at::Tensor& a, const at::Tensor& b, double theta) {
    return weighted_sum({{a, 1.0 - theta}, {b, theta}});
}

/// The method's own polynomial, from the value at the start and the slopes of its stages.
at::Tensor on_polynomial(const Tableau& method, const Knot& from, const Knot& to, double theta) {
    std::vector<std::pair<at::Tensor, double>> terms{{from.value, 1.0}};
    for (std::size_t i = 0; i < to.slopes.size(); ++i) {
        double weight = 0.0, power = theta;
        for (const double factor : method.dense[i]) {
            weight += factor * power;
            power *= theta;
        }
        terms.emplace_back(to.slopes[i], weight * (to.time - from.time));
    }
    return weighted_sum(terms);
}

at::Tensor on_hermite(const Knot& from, const Knot& to, double theta) {
    const double h = to.time - from.time, rest = 1.0 - theta;
    return weighted_sum({{from.value, (1.0 + 2.0 * theta) * rest * rest},
                         {from.slope_after, theta * rest * rest * h},
                         {to.value, theta * theta * (3.0 - 2.0 * theta)},
                         {to.slope_before, -theta * theta * rest * h}});
}

/// The interpolated value; undefined when the knots' slopes are not known.
at::Tensor smooth_value(const Knot& from, const Knot& to, double theta, const Tableau* method) {
    if (method && method->dense_degree > 0 && !to.slopes.empty()) return on_polynomial(*method, from, to, theta);
    if (from.slope_after.defined() && to.slope_before.defined()) return on_hermite(from, to, theta);
    return {};
}

at::Tensor between(const Knot& from, const Knot& to, double time, const Reading& reading) {
    if (!from.response.defined() && !to.response.defined()) return {};
    if (reading.how == HistoryInterpolation::hold) return from.response;
    const double theta = (time - from.time) / (to.time - from.time);
    if (reading.how == HistoryInterpolation::polynomial) {
        const at::Tensor value = smooth_value(from, to, theta, reading.method);
        if (value.defined()) return reading.respond ? reading.respond(value) : value;
    }
    return on_line(from.response, to.response, theta);
}

}  // namespace

at::Tensor weighted_sum(const std::vector<std::pair<at::Tensor, double>>& terms) {
    at::Tensor sum;
    for (const auto& [tensor, factor] : terms) {
        if (!tensor.defined()) continue;
        if (sum.defined()) {
            if (factor != 0.0) sum = sum.add(tensor, factor);
        } else {
            sum = factor == 1.0 ? tensor : tensor.mul(factor);
        }
    }
    return sum;
}

at::Tensor read(const std::vector<Knot>& knots, double time, Side side, const Reading& reading) {
    const double earliest = time - reading.tolerance, latest = time + reading.tolerance;
    if (knots.empty() || latest < knots.front().time) return {};
    auto at = std::lower_bound(knots.begin(), knots.end(), earliest,
                               [](const Knot& knot, double t) { return knot.time < t; });
    if (at == knots.end()) {
        throw Error("activity of " + std::to_string(time) +
                    " ms was asked for before it was there: it is known up to " + std::to_string(knots.back().time) +
                    " ms");
    }
    if (at->time > latest) return between(*std::prev(at), *at, time, reading);
    while (side == Side::right && std::next(at) != knots.end() && std::next(at)->time <= latest) ++at;
    return at->response;
}

}  // namespace dv::temporal

#include "delays.hpp"

#include "text.hpp"

#include <algorithm>
#include <cmath>

namespace rcnn {

using namespace dv::temporal;

Delays::Delays(const Settings& settings, bool by_stages, const dv::Component& owner)
    : s_(settings),
      by_stages_(by_stages),
      owner_(owner),
      order_(settings.update_order.value_or(by_stages ? UpdateOrder::synchronous : UpdateOrder::sequential)) {
    if (by_stages && order_ == UpdateOrder::sequential) {
        throw dv::ParameterError(
            "update_order",
            "is 'sequential', but a solver with stages evaluates all layers at the same times; leave it out, "
            "or use the solver 'frozen_rk4', which holds the drive over a step");
    }
    if (!by_stages && s_.delay_policy == DelayPolicy::interpolate) {
        throw dv::ParameterError(
            "delay_policy",
            "is 'interpolate', but only solvers with stages (heun, rk4, ...) read between steps; use 'warn' "
            "or 'strict'");
    }
}

Delay Delays::of(Path path, double ms, bool back, const std::string& edge, const std::string& parameter) const {
    const std::int64_t k = steps(path, ms, edge, parameter);
    if (back && k == 0 && order_ == UpdateOrder::sequential) {
        owner_.info("the " + edge + " reads one step back: it is read before its source stores");
    }
    Delay delay{back ? backward_lag(k, order_) : forward_lag(k, order_), kDelayOfLag};
    if (by_stages_) delay.ms = s_.delay_policy == DelayPolicy::interpolate ? ms : static_cast<double>(k) * s_.dt;
    return delay;
}

std::int64_t Delays::steps(Path path, double ms, const std::string& edge, const std::string& parameter) const {
    const double quotient = ms / s_.dt;
    if (s_.is_dynvision_0_1()) {
        const bool cut = path == Path::feedforward || path == Path::recurrence;
        return static_cast<std::int64_t>(cut ? std::trunc(quotient) : std::nearbyint(quotient));
    }
    const Steps found = steps_of(ms, s_.dt);
    if (found.exact || s_.delay_policy == DelayPolicy::interpolate) return found.steps;
    const std::string problem = number(ms) + " ms, is not a whole number of steps of " + number(s_.dt) + " ms";
    if (s_.delay_policy == DelayPolicy::strict) {
        const double below = std::floor(quotient) * s_.dt, above = std::ceil(quotient) * s_.dt;
        throw dv::ParameterError(parameter, "the " + edge + ", " + problem +
                                                "; with delay_policy = \"strict\" it is one: " + number(below) +
                                                " or " + number(above) + " ms");
    }
    owner_.warn("the " + edge + ", " + problem + ": " + std::to_string(found.steps) + " steps are used, " +
                number(std::abs(found.error_ms)) + " ms too " + (found.error_ms < 0 ? "few" : "many"));
    return found.steps;
}

}  // namespace rcnn

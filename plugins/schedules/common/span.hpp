#pragma once
/// Over how many counts a schedule stretches, and how it goes from one value to another.

#include <dv/schedule.hpp>

#include <cmath>
#include <cstdint>
#include <numbers>
#include <optional>
#include <string>

namespace dv::schedules {

/// The length that was given, else all of training. Throws ParameterError that names `parameter` when neither is known.
inline std::int64_t span_of(std::optional<std::int64_t> given, const dv_schedule_point& at, const char* parameter) {
    if (given) return *given;
    if (at.total >= 0) return at.total;
    throw ParameterError(parameter, std::string("is absent, and it is not known how long training will be; give ") +
                                        parameter + ", or limit training (max_epochs, max_steps)");
}

/// From `from` at share 0 to `to` at share 1, level at both.
inline double cosine(double from, double to, double share) {
    return to + (from - to) * (1.0 + std::cos(std::numbers::pi * share)) / 2.0;
}
inline double line(double from, double to, double share) { return from + (to - from) * share; }

}  // namespace dv::schedules

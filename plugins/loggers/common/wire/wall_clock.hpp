#pragma once
/// What time it is, as the host has it.

#include <dv/component.hpp>

#include <chrono>

namespace loggers::wire {

/// [s] since 1970-01-01 UTC.
inline double wall_clock(const dv::Component& component) {
    if (const auto* clock = component.extension<dv_clock_1>(DV_EXT_CLOCK)) return clock->wall(clock->self);
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace loggers::wire

#pragma once
/// Milliseconds to steps, and steps to lags: one rule for every delay of a circuit.

#include <cstdint>

namespace dv::temporal {

/// A delay in whole steps and how far that is from what was asked for.
struct Steps {
    std::int64_t steps = 0;
    double error_ms = 0.0;  ///< steps·dt − delay
    bool exact = true;      ///< |error| ≤ 1e-6·dt
};

/// steps = round-half-even(delay / dt), in exact rational arithmetic on the shortest decimals of both numbers, so that
/// 0.3 / 0.1 is 3. Preconditions: delay ≥ 0, dt > 0, both finite and below 1e12 in magnitude.
Steps steps_of(double delay_ms, double dt_ms);

/// Order in which layers of one time step see each other.
enum class UpdateOrder { sequential, synchronous };

/// The lag of a path whose source comes earlier in the layer list (feed-forward, skip): k, or k + 1 when synchronous.
std::int64_t forward_lag(std::int64_t steps, UpdateOrder order);
/// The lag of a path back in the list or onto the same layer (recurrence, feedback): max(1, k), or k + 1 when synchronous.
std::int64_t backward_lag(std::int64_t steps, UpdateOrder order);

}  // namespace dv::temporal

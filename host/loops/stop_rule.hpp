#pragma once
/// When training ends. Lightning's rules: a request to stop waits until the minimum is met, and sticks.

#include "loops/progress.hpp"

#include <optional>
#include <string>

namespace dvhost::loops {

struct StopLimits {
    std::int64_t max_epochs = -1;  ///< −1: no limit
    std::int64_t min_epochs = 0;
    std::int64_t max_steps = -1;   ///< optimizer steps; −1: no limit
    std::int64_t min_steps = 0;
    double max_seconds = -1.0;     ///< wall time of the fit; negative: no limit
};

class StopRule {
public:
    explicit StopRule(StopLimits limits) : limits_(limits) {}

    /// Asks for an end. The first reason is kept.
    void request(std::string reason) {
        if (!requested_) requested_ = std::move(reason);
    }
    /// Whether somebody has asked and the minimum is met.
    bool due(const Progress& progress) const {
        return requested_ && progress.epoch >= limits_.min_epochs && progress.global_step >= limits_.min_steps;
    }
    /// True once nothing more is to be trained. `elapsed` is the fit's time so far [s].
    bool reached(const Progress& progress, double elapsed);

    /// What was asked so far, for a checkpoint.
    const std::optional<std::string>& requested() const { return requested_; }
    /// Why training ended; empty while it goes on.
    const std::string& reason() const { return reason_; }
    const StopLimits& limits() const { return limits_; }

private:
    StopLimits limits_;
    std::optional<std::string> requested_;
    std::string reason_;
};

}  // namespace dvhost::loops

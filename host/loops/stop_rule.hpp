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
        if (!reason_) reason_ = std::move(reason);
    }
    /// True once nothing more is to be trained. `elapsed` is the fit's time so far [s].
    bool reached(const Progress& progress, double elapsed);

    /// Why training ended; empty while it goes on.
    std::string reason() const { return reached_ ? *reason_ : std::string(); }
    const StopLimits& limits() const { return limits_; }

private:
    StopLimits limits_;
    std::optional<std::string> reason_;
    bool reached_ = false;
};

}  // namespace dvhost::loops

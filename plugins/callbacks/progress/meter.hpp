#pragma once
/// How far a loop is, and how fast it goes.

#include <cstdint>
#include <optional>

namespace progress {

/// The speed is a moving average over the moments at which it is asked for, as tqdm's (smoothing 0.3).
class Meter {
public:
    void start(double now) { *this = Meter(now); }
    /// Takes out a time in which the loop stood still: a validation in the middle of an epoch.
    void leave_out(double seconds) { last_time_ += seconds; }

    void observe(std::int64_t done, double now) {
        const auto steps = static_cast<double>(done - last_done_);
        const double seconds = now - last_time_;
        if (steps <= 0 || seconds <= 0) return;
        steps_ += kSmoothing * (steps - steps_);
        seconds_ += kSmoothing * (seconds - seconds_);
        last_done_ = done;
        last_time_ = now;
    }

    /// Steps per second; nothing before the first observation.
    std::optional<double> rate() const {
        return seconds_ > 0 ? std::optional(steps_ / seconds_)
                            : std::nullopt;  // both start at 0, so that the bias cancels
    }
    double elapsed(double now) const { return now - start_; }

    Meter() = default;

private:
    static constexpr double kSmoothing = 0.3;

    explicit Meter(double now) : start_(now), last_time_(now) {}

    double start_ = 0.0, last_time_ = 0.0;  // [s]
    std::int64_t last_done_ = 0;
    double steps_ = 0.0, seconds_ = 0.0;  // averages between observations
};

}  // namespace progress

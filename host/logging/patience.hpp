#pragma once
/// How long to wait for something that may never come.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <mutex>
#include <string>

namespace dvhost::logging {

class Patience {
public:
    /// Without end.
    Patience() = default;
    /// `seconds` from now on, or until stop() says so, which is asked every few milliseconds.
    explicit Patience(double seconds, std::function<bool()> stop = {})
        : seconds_(seconds), stop_(std::move(stop)) {
        constexpr double kLongest = 1e9;  // [s], what a clock can count
        until_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::min(seconds, kLongest)));
    }

    bool is_over() const { return Clock::now() >= until_ || is_stopped(); }
    /// Waits until done(), which is asked under the lock; false when patience ended before.
    template <class Done>
    bool wait(std::unique_lock<std::mutex>& lock, std::condition_variable& changed, Done&& done) const {
        while (!done()) {
            if (is_over()) return false;
            changed.wait_for(lock, std::chrono::milliseconds(20));
        }
        return true;
    }
    /// What ended it: "within 60 s".
    std::string limit() const {
        if (is_stopped()) return "before the run was told not to wait";
        char text[32];
        std::snprintf(text, sizeof text, "within %g s", seconds_);
        return text;
    }

private:
    using Clock = std::chrono::steady_clock;
    bool is_stopped() const { return stop_ && stop_(); }

    double seconds_ = 0;
    Clock::time_point until_ = Clock::time_point::max();
    std::function<bool()> stop_;
};

}  // namespace dvhost::logging

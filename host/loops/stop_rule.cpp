#include "loops/stop_rule.hpp"

namespace dvhost::loops {

bool StopRule::reached(const Progress& progress, double elapsed) {
    if (!reason_.empty()) return true;
    const auto end = [&](std::string why) {
        reason_ = std::move(why);
        return true;
    };
    if (limits_.max_steps >= 0 && progress.global_step >= limits_.max_steps) return end("max_steps reached");
    if (limits_.max_epochs >= 0 && progress.epoch >= limits_.max_epochs) return end("max_epochs reached");
    // A limit of time waits for the minimum as a request does.
    const bool minimum_met = progress.epoch >= limits_.min_epochs && progress.global_step >= limits_.min_steps;
    if (limits_.max_seconds >= 0 && elapsed >= limits_.max_seconds && minimum_met) return end("max_time reached");
    if (due(progress)) return end(*requested_);
    return false;
}

}  // namespace dvhost::loops

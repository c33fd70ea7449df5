#include "loops/stop_rule.hpp"

namespace dvhost::loops {

bool StopRule::reached(const Progress& progress, double elapsed) {
    const auto end = [&](std::string why) {
        if (!reached_) reason_ = std::move(why);
        return reached_ = true;
    };
    if (reached_) return true;
    if (limits_.max_steps >= 0 && progress.global_step >= limits_.max_steps) return end("max_steps reached");
    if (limits_.max_epochs >= 0 && progress.epoch >= limits_.max_epochs) return end("max_epochs reached");
    if (limits_.max_seconds >= 0 && elapsed >= limits_.max_seconds) return end("max_time reached");
    const bool minimum_met = progress.epoch >= limits_.min_epochs && progress.global_step >= limits_.min_steps;
    reached_ = reason_.has_value() && minimum_met;
    return reached_;
}

}  // namespace dvhost::loops

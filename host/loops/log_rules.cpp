#include "loops/log_rules.hpp"

#include <dv/error.hpp>

namespace dvhost::loops {

LogRule log_rule(std::uint32_t phase) {
    switch (phase) {
        case DV_TRAIN_BATCH_START:
        case DV_BEFORE_ZERO_GRAD:
        case DV_BEFORE_BACKWARD:
        case DV_AFTER_BACKWARD:
        case DV_BEFORE_OPTIMIZER_STEP:
        case DV_OPTIMIZER_STEP_DONE:
        case DV_TRAIN_BATCH_END: return {true, true, true, false};
        case DV_TRAIN_START:
        case DV_TRAIN_EPOCH_START:
        case DV_TRAIN_EPOCH_END: return {false, true, false, false};
        case DV_VALIDATION_START:
        case DV_VALIDATION_EPOCH_START:
        case DV_VALIDATION_EPOCH_END:
        case DV_TEST_START:
        case DV_TEST_EPOCH_START:
        case DV_TEST_EPOCH_END: return {false, true, false, true};
        case DV_VALIDATION_BATCH_START:
        case DV_VALIDATION_BATCH_END:
        case DV_TEST_BATCH_START:
        case DV_TEST_BATCH_END: return {true, true, false, true};
        default: return {};
    }
}

std::pair<bool, bool> choose(const LogRule& rule, const dv_log_options& options, const std::string& hook, const std::string& name) {
    const auto refuse = [&](const std::string& why) { throw dv::Error("'" + name + "' is logged in " + hook + ", where " + why); };
    if (!rule.step && !rule.epoch) refuse("nothing can be logged");
    if (name.find("/dataloader_idx_") != std::string::npos) refuse("names with '/dataloader_idx_' are the host's");
    const bool on_step = options.on_step < 0 ? rule.by_step : options.on_step == 1;
    const bool on_epoch = options.on_epoch < 0 ? !rule.by_step : options.on_epoch == 1;
    if (on_step && !rule.step) refuse("there are no steps: set on_step = false");
    if (!on_step && !on_epoch) refuse("it would go nowhere: on_step and on_epoch are both false");
    return {on_step, on_epoch};
}

}  // namespace dvhost::loops

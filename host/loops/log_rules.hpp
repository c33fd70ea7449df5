#pragma once
/// Where a value may be logged by step and by epoch, and what is meant when nothing is said: Lightning's table.

#include <dv/abi.h>

#include <string>
#include <utility>

namespace dvhost::loops {

struct LogRule {
    bool step = false, epoch = false;  ///< allowed
    bool by_step = false;              ///< the default: by step, else by epoch
    bool of_evaluation = false;        ///< the epoch is the evaluation's
};

LogRule log_rule(std::uint32_t phase);

/// on_step and on_epoch of a value. Throws dv::Error that names the hook when it may not be logged so.
std::pair<bool, bool> choose(const LogRule& rule, const dv_log_options& options, const std::string& hook, const std::string& name);

}  // namespace dvhost::loops

#pragma once
/// The names a run has metrics for, for error texts.

#include <dv/callback.hpp>

#include <string>

namespace callbacks {

/// "train/loss, val/loss"; "none" when nothing has been logged.
inline std::string metric_names(const dv::RunView& run) {
    std::string out;
    for (const dv_metric& metric : run.metrics()) {
        if (!out.empty()) out += ", ";
        out += dv::detail::view(metric.name);
    }
    return out.empty() ? "none" : out;
}

}  // namespace callbacks

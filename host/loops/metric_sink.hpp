#pragma once
/// Where the loops' numbers go: the host's logging, seen from the training thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dvhost::loops {

using Names = std::shared_ptr<const std::vector<std::string>>;

/// Gives a row's values, one per name. Called once, on the logging thread; may wait there for a device to have computed them.
using Values = std::function<std::vector<double>()>;

struct MetricSink {
    virtual ~MetricSink() = default;
    /// One row; returns at once. step and epoch as in dv_row. Throws dv::Error when the run must not go on without its loggers. [step]
    virtual void row(Names names, Values values, std::int64_t step, std::int64_t epoch) = 0;
};

}  // namespace dvhost::loops

#pragma once
/// Where the loops' numbers go: the host's logging, seen from the training thread.

#include <dv/abi.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dvhost::loops {

using Names = std::shared_ptr<const std::vector<std::string>>;

/// Gives a row's values, one per name. Called once, on the logging thread; may wait there for a device to have computed them.
using Values = std::function<std::vector<double>()>;

struct MetricSink {
    virtual ~MetricSink() = default;
    /// One row; returns at once. step and epoch as in dv_row. Throws dv::Error when the run must not go on without its loggers. [step]
    virtual void row(Names names, Values values, std::int64_t step, std::int64_t epoch) = 0;

    /// Copied before they return. [step]
    virtual void text(std::string name, std::string text, std::int64_t step) { (void)name, (void)text, (void)step; }
    virtual void image(std::string name, const dv_image& image, std::int64_t step) { (void)name, (void)image, (void)step; }
    virtual void histogram(std::string name, const dv_histogram& histogram, std::int64_t step) {
        (void)name, (void)histogram, (void)step;
    }
    /// The same for values that are known already, which is cheaper; one per name. [step]
    virtual void row(Names names, std::span<const double> values, std::int64_t step, std::int64_t epoch) {
        row(std::move(names), [v = std::vector<double>(values.begin(), values.end())] { return v; }, step, epoch);
    }
};

}  // namespace dvhost::loops

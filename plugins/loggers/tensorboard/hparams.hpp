#pragma once
/// Summaries of TensorBoard's hparams plugin, and of custom_scalars: serialised Values.

#include "wire/flat_config.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tensorboard {

enum class SessionEnd { success = 1, failure = 2 };

/// What there is to compare: hyper-parameters with their types, and metrics by tag.
std::string experiment_value(std::span<const loggers::wire::FlatValue> hparams, std::span<const std::string> metrics,
                             double now);
/// The hyper-parameters of this run. `group`: runs of one group are one row of the table; empty: the run alone. Numbers
/// that are not finite are texts, because TensorBoard sends them as JSON.
std::string session_start_value(std::span<const loggers::wire::FlatValue> hparams, std::string_view group, double now);
std::string session_end_value(SessionEnd outcome, double now);

/// One chart of the custom scalars page.
struct Chart {
    std::string category, title;
    std::vector<std::string> tags;  ///< regular expressions, one line for each tag that matches
    std::vector<std::string>
        margin;  ///< value, lower, upper, value, lower, upper, ...: lines with a band; then no `tags`
};
std::string layout_value(std::span<const Chart> charts);

}  // namespace tensorboard

#pragma once
/// What a finished run shows at the end.

#include "loops/trainer.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace dvhost::cli {

/// Monotonic time [s] at which this process was started, as the kernel knows it; none when /proc does not tell.
std::optional<double> process_start();

/// Metrics (test first), times, and where everything is.
std::string closing_table(const std::string& name, const loops::RunSummary& summary, const std::filesystem::path& run_dir,
                          std::optional<double> process_start);

}  // namespace dvhost::cli

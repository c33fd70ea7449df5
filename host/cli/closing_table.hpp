#pragma once
/// What a finished run shows at the end.

#include "loops/trainer.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace dvhost::cli {

/// Monotonic time [s] at which the launcher began; none when the library was started without it.
std::optional<double> program_start();

/// Metrics (test first), times, and where everything is.
std::string closing_table(const std::string& name, const loops::RunSummary& summary, const std::filesystem::path& run_dir,
                          std::optional<double> program_start);

}  // namespace dvhost::cli

#include "cli/closing_table.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace dvhost::cli {

namespace {

using Rows = std::vector<std::pair<std::string, std::string>>;

std::string number(double value, const char* format) {
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

int rank_of(const std::string& metric) {
    return metric.starts_with("test/") ? 0 : metric.starts_with("val/") ? 1 : 2;
}

Rows rows_of(const loops::RunSummary& summary, const std::filesystem::path& run_dir, std::optional<double> start) {
    Rows rows;
    auto metrics = summary.metrics;
    std::stable_sort(metrics.begin(), metrics.end(),
                     [](const auto& a, const auto& b) { return rank_of(a.first) < rank_of(b.first); });
    for (const auto& [name, value] : metrics) rows.emplace_back(name, number(value, "%.4g"));
    if (summary.progress.global_step > 0) {
        const double per_second = static_cast<double>(summary.progress.samples) / std::max(summary.fit_seconds, 1e-9);
        rows.emplace_back("training", number(summary.fit_seconds, "%.1f s") + ", " +
                                          std::to_string(summary.progress.global_step) + " steps, " +
                                          std::to_string(summary.progress.epoch) + " epochs, " +
                                          number(per_second, "%.0f samples/s"));
        if (start && summary.first_step_at) {
            rows.emplace_back("first step", number(*summary.first_step_at - *start, "%.2f s after the start"));
        }
        rows.emplace_back("ended because", summary.stop_reason);
    }
    if (!summary.predictions.empty()) rows.emplace_back("predictions", summary.predictions.string());
    rows.emplace_back("run folder", run_dir.string());
    return rows;
}

}  // namespace

std::optional<double> program_start() {
    const char* text = std::getenv("DVHOST_STARTED_AT");
    return text != nullptr ? std::optional(std::strtod(text, nullptr)) : std::nullopt;
}

std::string closing_table(const std::string& name, const loops::RunSummary& summary, const std::filesystem::path& run_dir,
                          std::optional<double> start) {
    const Rows rows = rows_of(summary, run_dir, start);
    std::size_t width = 0;
    for (const auto& [key, value] : rows) width = std::max(width, key.size());
    std::string out = "\n" + name + " has finished\n";
    for (const auto& [key, value] : rows) out += "  " + key + std::string(width - key.size() + 2, ' ') + value + "\n";
    return out;
}

}  // namespace dvhost::cli

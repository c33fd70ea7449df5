#include "loops/profiler.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <numeric>

namespace dvhost::loops {

namespace {

std::string formatted(const char* format, double value) {
    char text[48];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

}  // namespace

std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string profile_table(const std::vector<std::string>& titles, const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (const std::string& title : titles) widths.push_back(title.size());
    for (const auto& row : rows) {
        for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
    }
    std::string out;
    const auto add = [&](const std::vector<std::string>& row) {
        for (std::size_t c = 0; c < row.size(); ++c) {
            const std::string space(widths[c] - row[c].size(), ' ');
            out += c == 0 ? row[c] + space : "  " + space + row[c];
        }
        out += "\n";
    };
    add(titles);
    out += std::string(std::accumulate(widths.begin(), widths.end(), 2 * (widths.size() - 1)), '-') + "\n";
    for (const auto& row : rows) add(row);
    return out;
}

Profiler::Profiler(const ProfiledParts& parts) : parts_(parts) {
    const std::string module = "[Module]" + parts.model + ".", strategy = "[Strategy]" + parts.strategy + ".";
    names_ = {"run_training_epoch", "run_training_batch",       "setup_train_dataloader",   "train_dataloader_next",
              "val_next",           "test_next",                "predict_next",             module + "training_step",
              module + "validation_step", module + "predict_step", strategy + "to_device",  strategy + "backward",
              "optimizer_zero_grad", "optimizer_step",          "save_checkpoint"};
}

Profiler::~Profiler() = default;

Profiler::Action Profiler::action(const std::string& name) {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found != names_.end()) return static_cast<Action>(found - names_.begin());
    names_.push_back(name);
    return static_cast<Action>(names_.size() - 1);
}

TimeProfiler::TimeProfiler(const ProfiledParts& parts) : Profiler(parts), begun_at_(now_ns()) { open_.reserve(64); }

void TimeProfiler::begin(Action action) {
    if (action >= totals_.size()) totals_.resize(n_actions());
    open_.push_back({action, now_ns()});
}

void TimeProfiler::end() noexcept {
    const Open scope = open_.back();
    open_.pop_back();
    Total& total = totals_[scope.action];
    ++total.calls;
    total.nanoseconds += now_ns() - scope.start;
}

std::string TimeProfiler::report() const {
    const double whole = static_cast<double>(now_ns() - begun_at_) * 1e-9;
    std::vector<Action> order;
    std::int64_t calls = 0;
    for (Action a = 0; a < totals_.size(); ++a) {
        if (totals_[a].calls > 0) order.push_back(a);
        calls += totals_[a].calls;
    }
    std::stable_sort(order.begin(), order.end(), [&](Action a, Action b) { return totals_[a].nanoseconds > totals_[b].nanoseconds; });
    std::vector<std::vector<std::string>> rows{{"Total", "", std::to_string(calls), formatted("%.6g", whole), "100"}};
    for (const Action a : order) {
        const double seconds = static_cast<double>(totals_[a].nanoseconds) * 1e-9;
        rows.push_back({name(a), formatted("%.5g", seconds / static_cast<double>(totals_[a].calls)), std::to_string(totals_[a].calls),
                        formatted("%.6g", seconds), formatted("%.2f", 100.0 * seconds / std::max(whole, 1e-9))});
    }
    return profile_table({"Action", "Mean duration (s)", "Num calls", "Total time (s)", "Percentage %"}, rows);
}

}  // namespace dvhost::loops

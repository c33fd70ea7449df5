#include "logger_options.hpp"
#include "table.hpp"

#include <dv/logger.hpp>

#include <fnmatch.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace {

enum class Per { epoch, row };

/// A table on the terminal, above the status line.
///
///   epoch    step    train/loss  val/accuracy
///       0      49        0.6931         0.871
struct Console final : dv::Logger, loggers::CommonOptions {
    Per per = Per::epoch;
    std::vector<std::string> metrics_shown;
    std::int64_t digits = 0;
    static constexpr auto params = loggers::row_schema(
        dv::p("per", &Console::per, Per::epoch, "epoch: a line with the newest values of an epoch when it is over; row: a line per row",
              dv::choices("epoch", "row")),
        dv::p("metrics", &Console::metrics_shown, dv::empty, "names to show, with * and ?; empty: all"),
        dv::p("digits", &Console::digits, 4, "significant ones", dv::range{1, 17}));

    void open() override {
        terminal_ = extension<dv_console_1>(DV_EXT_CONSOLE);
        names_ = loggers::Names(prefix, "-");
        filter_ = loggers::RowFilter(log_every);
        table_.emplace(static_cast<int>(digits));
    }

    void metrics(const dv::Row& row) override {
        if (per == Per::epoch && row.epoch >= 0 && row.epoch != line_.epoch) show();
        if (row.metrics.empty() || !filter_.due(row)) return;
        if (per == Per::row) line_ = {};
        if (row.epoch >= 0) line_.epoch = row.epoch;
        line_.step = row.step;
        for (const dv_metric& m : row.metrics) put(names_.of(m.name), m.value);
        if (per == Per::row) show();
    }
    void finalize(std::string_view) override { show(); }

private:
    bool is_shown(const std::string& name) const {
        return metrics_shown.empty() || std::ranges::any_of(metrics_shown, [&](const std::string& pattern) {
                   return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
               });
    }

    void put(std::string_view name, double value) {
        const auto known = std::ranges::find(line_.values, name, &std::pair<std::string, double>::first);
        if (known != line_.values.end()) {
            known->second = value;
        } else if (const std::string text(name); is_shown(text)) {
            line_.values.emplace_back(text, value);
        }
    }

    void show() {
        if (!line_.values.empty()) {
            const std::size_t width = terminal_ != nullptr ? static_cast<std::size_t>(terminal_->width(terminal_->self)) : 80;
            for (const std::string& text : table_->add(line_, width)) {
                if (terminal_ != nullptr) {
                    terminal_->print(terminal_->self, dv::detail::borrow(text));
                } else {
                    info(text);
                }
            }
        }
        line_ = {};
    }

    const dv_console_1* terminal_ = nullptr;
    loggers::Names names_;
    loggers::RowFilter filter_;
    std::optional<console::Table> table_;
    console::Line line_;
};

}  // namespace
DV_COMPONENT(Console, "dvhost.logger.console", "Prints a table of values");

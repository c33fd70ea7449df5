#include "line.hpp"
#include "meter.hpp"

#include <dv/callback.hpp>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace {

using progress::Glyphs;
using progress::Position;

enum class GlyphChoice { automatic, unicode, ascii };

/// Whether the environment says that the terminal takes UTF-8 (POSIX: the first of these that is set counts).
bool utf8_locale() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const char* value = std::getenv(name);
        if (!value || !*value) continue;
        std::string text(value);
        std::ranges::transform(text, text.begin(),
                               [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        return text.find("utf-8") != std::string::npos || text.find("utf8") != std::string::npos;
    }
    return false;
}

/// Shows how far the run is: a bar on a terminal, lines elsewhere, and one line that stays for every epoch.
struct ProgressBar final : dv::Callback,
                           dv::OnFitStart,
                           dv::OnFitEnd,
                           dv::OnTrainEpochStart,
                           dv::OnTrainBatchEnd,
                           dv::OnTrainEpochEnd,
                           dv::OnValidationStart,
                           dv::OnValidationBatchEnd,
                           dv::OnValidationEnd,
                           dv::OnTestStart,
                           dv::OnTestBatchEnd,
                           dv::OnTestEnd,
                           dv::OnPredictStart,
                           dv::OnPredictBatchEnd,
                           dv::OnPredictEnd,
                           dv::OnException,
                           dv::OnTeardown {
    static constexpr bool monitors = true;  // an epoch's line shows what the others logged at its end

    std::vector<std::string> metrics;
    double refresh_seconds = 0.0;
    std::optional<double> refresh_percent;
    GlyphChoice glyphs = GlyphChoice::automatic;
    static constexpr auto params =
        dv::schema(dv::p("metrics", &ProgressBar::metrics, dv::list("train/loss", "val/loss", "val/accuracy"),
                         "metrics to show while training, as far as they are there; those logged with prog_bar follow"),
                   dv::p("refresh_seconds", &ProgressBar::refresh_seconds, 5.0,
                         "time between two lines where there is no terminal", dv::unit{"s"}, dv::above{0.0}),
                   dv::p("refresh_percent", &ProgressBar::refresh_percent, dv::unset,
                         "share of the loop between two such lines, in place of a time", dv::above{0.0}),
                   dv::p("glyphs", &ProgressBar::glyphs, GlyphChoice::automatic,
                         "what the bar is made of; auto: as the locale says", dv::choices("auto", "unicode", "ascii")));

    void open() override {
        console_ = extension<dv_console_1>(DV_EXT_CONSOLE);
        clock_ = extension<dv_clock_1>(DV_EXT_CLOCK);
        if (!console_ || !clock_) {
            throw dv::Error(
                "this host has no terminal for plugins (it offers no dv.console/1 or no dv.clock/1); remove the "
                "callback");
        }
        interactive_ = console_->interactive(console_->self) != 0;
        const bool unicode = glyphs == GlyphChoice::automatic ? utf8_locale() : glyphs == GlyphChoice::unicode;
        glyphs_ = unicode ? Glyphs::unicode : Glyphs::ascii;
    }

    void on_fit_start(const dv::RunView&, dv::Answer&) override { fitting_ = true; }
    void on_fit_end(const dv::RunView&, dv::Answer&) override { fitting_ = false; }

    void on_train_epoch_start(const dv::RunView& run, dv::Answer&) override {
        start(train_, "Epoch " + std::to_string(run->epoch));
    }
    void on_train_batch_end(const dv::RunView& run, dv::Answer&) override { advance(train_, run); }
    void on_train_epoch_end(const dv::RunView& run, dv::Answer&) override { finish(train_, chosen(run)); }

    void on_validation_start(const dv::RunView& run, dv::Answer&) override {
        start(evaluation_, run->stage == DV_STAGE_SANITY_CHECK ? "Sanity Checking" : "Validation");
    }
    void on_validation_batch_end(const dv::RunView& run, dv::Answer&) override { advance(evaluation_, run); }
    void on_validation_end(const dv::RunView& run, dv::Answer&) override {
        if (!fitting_) return finish(evaluation_, all_of(run, "val/"));
        train_.meter.leave_out(evaluation_.meter.elapsed(now()));
        evaluation_.active = false;
        clear();
    }

    void on_test_start(const dv::RunView&, dv::Answer&) override { start(evaluation_, "Testing"); }
    void on_test_batch_end(const dv::RunView& run, dv::Answer&) override { advance(evaluation_, run); }
    void on_test_end(const dv::RunView& run, dv::Answer&) override { finish(evaluation_, all_of(run, "test/")); }

    void on_predict_start(const dv::RunView&, dv::Answer&) override { start(evaluation_, "Predicting"); }
    void on_predict_batch_end(const dv::RunView& run, dv::Answer&) override { advance(evaluation_, run); }
    void on_predict_end(const dv::RunView&, dv::Answer&) override { finish(evaluation_, {}); }

    /// Leaves a line that says how far it came.
    void on_exception(const dv::RunView& run, dv::Answer&) override {
        if (evaluation_.active) finish(evaluation_, {});
        if (train_.active) finish(train_, chosen(run));
    }
    void on_teardown(const dv::RunView&, dv::Answer&) override { clear(); }

private:
    static constexpr double kRedraw = 0.1;  // [s], least time between two pictures

    struct Loop {
        std::string label;
        progress::Meter meter;
        std::int64_t done = 0, total = -1;
        double next_percent = 0.0;
        bool active = false;
    };

    double now() const { return clock_->monotonic(clock_->self); }

    void start(Loop& loop, std::string label) {
        const double time = now();
        loop = {};
        loop.label = std::move(label);
        loop.meter.start(time);
        loop.next_percent = refresh_percent.value_or(0.0);
        loop.active = true;
        next_time_ = interactive_ ? time : time + refresh_seconds;
    }

    /// Runs after every batch: nothing but a look at the clock unless it is time for a new picture.
    void advance(Loop& loop, const dv::RunView& run) {
        loop.done = run->batch_idx + 1;
        loop.total = run->n_batches;
        const double time = now();
        if (!due(loop, time)) return;
        loop.meter.observe(loop.done, time);
        const Position at = position(loop, time, &loop == &train_ ? chosen(run) : std::vector<std::string>());
        if (interactive_) {
            next_time_ = time + kRedraw;
            const bool is_within = &loop == &evaluation_ && fitting_ && train_.active;
            const Position around = position(train_, time, {});
            const std::string line =
                bar_line(at, glyphs_, console_->width(console_->self), is_within ? &around : nullptr);
            console_->status(console_->self, dv::detail::borrow(line));
        } else {
            next_time_ = time + refresh_seconds;
            print(plain_line(at));
        }
    }

    bool due(Loop& loop, double time) const {
        if (interactive_ || !refresh_percent || loop.total <= 0) return time >= next_time_;
        const double percent = 100.0 * static_cast<double>(loop.done) / static_cast<double>(loop.total);
        if (percent < loop.next_percent || loop.done == loop.total) return false;  // the end has a line of its own
        while (loop.next_percent <= percent) loop.next_percent += *refresh_percent;
        return true;
    }

    void finish(Loop& loop, std::vector<std::string> shown) {
        clear();
        loop.active = false;
        print(final_line(position(loop, now(), std::move(shown))));
    }

    static Position position(const Loop& loop, double time, std::vector<std::string> shown) {
        return {loop.label, loop.done, loop.total, loop.meter.elapsed(time), loop.meter.rate(), std::move(shown)};
    }

    std::vector<std::string> chosen(const dv::RunView& run) const {
        std::vector<std::string> out;
        for (const std::string& name : metrics) {
            if (const auto value = run.metric(name)) out.push_back(progress::metric_text(name, *value));
        }
        for (const dv_metric& metric : run.progress_bar()) {
            const std::string name(dv::detail::view(metric.name));
            if (std::find(metrics.begin(), metrics.end(), name) == metrics.end()) out.push_back(progress::metric_text(name, metric.value));
        }
        return out;
    }

    static std::vector<std::string> all_of(const dv::RunView& run, std::string_view prefix) {
        std::vector<std::string> out;
        for (const dv_metric& metric : run.metrics()) {
            const std::string_view name = dv::detail::view(metric.name);
            if (name.starts_with(prefix)) out.push_back(progress::metric_text(name, metric.value));
        }
        return out;
    }

    void print(const std::string& line) const { console_->print(console_->self, dv::detail::borrow(line)); }
    void clear() const {
        if (interactive_) console_->status(console_->self, {"", 0});
    }

    const dv_console_1* console_ = nullptr;
    const dv_clock_1* clock_ = nullptr;
    bool interactive_ = false;
    Glyphs glyphs_ = Glyphs::ascii;
    bool fitting_ = false;
    Loop train_, evaluation_;
    double next_time_ = 0.0;  // of a new picture or line [s]
};

}  // namespace
DV_COMPONENT(ProgressBar, "dvhost.callback.progress", "Shows how far the run is");

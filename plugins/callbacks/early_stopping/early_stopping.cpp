#include "metric_names.hpp"
#include "number_text.hpp"
#include "state_key.hpp"
#include "watch_rule.hpp"

#include <dv/callback.hpp>

#include <cmath>
#include <limits>
#include <optional>
#include <string>

namespace {

using callbacks::shown;

enum class Mode { min, max };

/// Numbers as in Lightning's checkpoints.
enum class Reason : std::int64_t { none, stopping_threshold, divergence_threshold, patience_exhausted, not_finite };

struct Verdict {
    Reason reason;
    std::string text;
};

/// Asks the run to end when a metric has stopped improving. Rules, their order and their names: Lightning's
/// EarlyStopping.
struct EarlyStopping final : dv::Callback,
                             dv::OnFitStart,
                             dv::OnFitEnd,
                             dv::OnTrainBatchEnd,
                             dv::OnTrainEpochEnd,
                             dv::OnValidationEnd {
    static constexpr bool monitors = true;

    std::string monitor;
    double min_delta = 0.0;
    std::int64_t patience = 0;
    Mode mode = Mode::min;
    bool strict = true;
    bool check_finite = true;
    std::optional<double> stopping_threshold;
    std::optional<double> divergence_threshold;
    std::optional<double> floor;
    std::optional<bool> check_on_train_epoch_end;
    bool verbose = false;
    static constexpr auto params = dv::schema(
        dv::p("monitor", &EarlyStopping::monitor, "", "name of the metric to watch", dv::required),
        dv::p("min_delta", &EarlyStopping::min_delta, 0.0, "what a value must be better by to count as better",
              dv::at_least{0.0}),
        dv::p("patience", &EarlyStopping::patience, 3, "checks without improvement after which to stop",
              dv::at_least{0}),
        dv::p("mode", &EarlyStopping::mode, Mode::min, "whether lower or higher is better", dv::choices("min", "max")),
        dv::p("strict", &EarlyStopping::strict, true, "a metric that is not there is an error, not a warning"),
        dv::p("check_finite", &EarlyStopping::check_finite, true, "stop when the metric is NaN or infinite"),
        dv::p("stopping_threshold", &EarlyStopping::stopping_threshold, dv::unset,
              "stop as soon as the metric is better than this"),
        dv::p("divergence_threshold", &EarlyStopping::divergence_threshold, dv::unset,
              "stop as soon as the metric is worse than this"),
        dv::p("floor", &EarlyStopping::floor, dv::unset,
              "patience counts only once the metric has been as good as this"),
        dv::p("check_on_train_epoch_end", &EarlyStopping::check_on_train_epoch_end, dv::unset,
              "check when a training epoch ends (true) or a validation (false); absent: after each validation, or each "
              "epoch without any"),
        dv::p("verbose", &EarlyStopping::verbose, false, "a log line for each improvement"));

    void open() override {
        if (monitor.empty())
            throw dv::ParameterError("monitor", "is empty; give the name of a metric, e.g. \"val/loss\"");
        rule_.set(check_on_train_epoch_end);
        best_ = mode == Mode::min ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
    }

    void on_fit_start(const dv::RunView& run, dv::Answer&) override { rule_.fit_start(run); }
    void on_fit_end(const dv::RunView&, dv::Answer&) override { rule_.fit_end(); }
    void on_train_batch_end(const dv::RunView& run, dv::Answer&) override { rule_.train_batch_end(run); }
    void on_validation_end(const dv::RunView& run, dv::Answer& answer) override {
        if (rule_.validation_end(run)) check(run, answer);
    }
    void on_train_epoch_end(const dv::RunView& run, dv::Answer& answer) override {
        if (rule_.train_epoch_end(run)) check(run, answer);
    }

    std::string state_key() const override {
        return callbacks::state_key("EarlyStopping", {{"monitor", callbacks::python_text(monitor)},
                                                      {"mode", mode == Mode::min ? "'min'" : "'max'"}});
    }
    void save_state(dv::StateWriter& out) const override {
        out.put("wait_count", wait_);
        out.put("stopped_epoch", stopped_epoch_);
        out.put("best_score", best_);
        out.put("patience", patience);
        out.put("stopping_reason", static_cast<std::int64_t>(stopped_.reason));
        out.put("stopping_reason_message", stopped_.text);
        out.put("armed", armed_);
    }
    void load_state(const dv::StateReader& state) override {
        wait_ = state.get<std::int64_t>("wait_count").value_or(wait_);
        stopped_epoch_ = state.get<std::int64_t>("stopped_epoch").value_or(stopped_epoch_);
        best_ = state.get<double>("best_score").value_or(best_);
        patience = state.get<std::int64_t>("patience").value_or(patience);
        stopped_.reason = static_cast<Reason>(state.get<std::int64_t>("stopping_reason").value_or(0));
        stopped_.text = state.get<std::string>("stopping_reason_message").value_or("");
        armed_ = state.get<bool>("armed").value_or(!floor || std::isfinite(best_));
    }

private:
    bool better(double a, double b) const { return mode == Mode::min ? a < b : a > b; }
    const char* sign() const { return mode == Mode::min ? " < " : " > "; }

    void check(const dv::RunView& run, dv::Answer& answer) {
        const std::optional<double> value = run.metric(monitor);
        if (!value) return missing(run);
        const auto found = verdict(*value);
        if (!found) return;
        stopped_ = *found;
        stopped_epoch_ = run->epoch;
        answer.stop(stopped_.text);
    }

    void missing(const dv::RunView& run) {
        const dv::ParameterError error(
            "monitor",
            "is '" + monitor + "', and the run has no metric of that name; it has: " + callbacks::metric_names(run));
        if (strict) throw error;
        if (!warned_) warn(error.what());
        warned_ = true;
    }

    /// Why to stop; nothing while training may go on.
    std::optional<Verdict> verdict(double value) {
        if (check_finite && !std::isfinite(value)) {
            return Verdict{Reason::not_finite,
                           monitor + " = " + shown(value) + " is not finite; its best value was " + shown(best_)};
        }
        if (stopping_threshold && better(value, *stopping_threshold)) {
            return Verdict{Reason::stopping_threshold, "stopping threshold reached: " + monitor + " = " + shown(value) +
                                                           sign() + shown(*stopping_threshold)};
        }
        if (divergence_threshold && better(-value, -*divergence_threshold)) {
            return Verdict{Reason::divergence_threshold, "divergence threshold reached: " + monitor + " = " +
                                                             shown(value) + " is worse than " +
                                                             shown(*divergence_threshold)};
        }
        armed_ = armed_ || !floor || value == *floor || better(value, *floor);
        if (!armed_) return std::nullopt;
        if (better(mode == Mode::min ? value + min_delta : value - min_delta, best_)) {
            improved(value);
            return std::nullopt;
        }
        if (++wait_ < patience) return std::nullopt;
        return Verdict{Reason::patience_exhausted, monitor + " did not improve in the last " + std::to_string(wait_) +
                                                       " check(s); its best value was " + shown(best_)};
    }

    void improved(double value) {
        if (verbose) {
            info(monitor + (std::isinf(best_) ? " is " + shown(value)
                                              : " improved from " + shown(best_) + " to " + shown(value)));
        }
        best_ = value;
        wait_ = 0;
    }

    callbacks::WatchRule rule_;
    double best_ = 0.0;
    std::int64_t wait_ = 0;  // checks since the last improvement
    bool armed_ = false;     // the floor has been reached
    Verdict stopped_{Reason::none, ""};
    std::int64_t stopped_epoch_ = 0;
    bool warned_ = false;
};

}  // namespace
DV_COMPONENT(EarlyStopping, "dvhost.callback.early_stopping", "Stops training when a metric no longer improves");

#include "compose/trainer_options.hpp"

#include "compose/keys.hpp"

#include <dv/error.hpp>

#include <ATen/Context.h>

#include <charconv>

namespace dvhost::compose {

namespace {

loops::BatchLimit limit_of(const manifest::Node& table, const char* key) {
    const manifest::Node& value = *table.find(key);
    if (value.is_int()) return {.share = 1.0, .count = value.as_int()};
    return {.share = value.as_number(), .count = std::nullopt};
}

void refuse_barebones(const manifest::Node& table, const TrainerKeys& keys) {
    std::string wrong;
    const auto refuse = [&](const char* key, bool is_on) {
        if (is_on && is_written(table, key)) wrong += (wrong.empty() ? "" : ", ") + std::string(key);
    };
    refuse("enable_checkpointing", keys.enable_checkpointing);
    refuse("enable_progress_bar", keys.enable_progress_bar);
    refuse("logger", keys.logger);
    refuse("log_every_n_steps", keys.log_every_n_steps > 0);
    refuse("num_sanity_val_steps", keys.num_sanity_val_steps != 0);
    refuse("fast_dev_run", keys.fast_dev_run > 0);
    refuse("detect_anomaly", keys.detect_anomaly);
    refuse("profiler", keys.profiler != ProfilerKind::none);
    if (!wrong.empty()) throw dv::Error("trainer.barebones leaves out what is asked for here: " + wrong);
}

loops::StopLimits stop_limits(const manifest::Node& table, const TrainerKeys& keys) {
    loops::StopLimits out{.max_epochs = keys.max_epochs,
                          .min_epochs = keys.min_epochs,
                          .max_steps = keys.max_steps,
                          .min_steps = keys.min_steps,
                          .max_seconds = keys.max_seconds > 0 ? keys.max_seconds : -1.0};
    if (!keys.max_time.empty()) {
        if (keys.max_seconds > 0) throw dv::Error("trainer.max_time and trainer.max_seconds are both given: leave one out");
        out.max_seconds = seconds_of(keys.max_time);
    }
    // Who bounds steps or time only means that: the default of one epoch then does not apply.
    const bool bounded = (is_written(table, "max_steps") && keys.max_steps >= 0) || out.max_seconds >= 0;
    if (bounded && !is_written(table, "max_epochs")) out.max_epochs = -1;
    if (out.min_steps > 0 && !is_written(table, "min_epochs")) out.min_epochs = 1;
    return out;
}

void make_trial(loops::TrainerOptions& out, std::int64_t n) {
    out.fast_dev_run = true;
    out.stop = {.max_epochs = 1, .max_steps = n};
    const loops::BatchLimit limit{.share = 1.0, .count = n};
    out.train_batches = out.val_batches = out.test_batches = out.predict_batches = limit;
    out.num_sanity_val_steps = 0;
    out.val_check_batches.reset();
    out.val_check_seconds.reset();
    out.val_check_interval = 1.0;
    out.check_val_every_n_epoch = 1;
}

}  // namespace

double seconds_of(const std::string& time) {
    double out = 0.0;
    const char* at = time.data();
    const char* end = at + time.size();
    static constexpr double kUnits[] = {86400.0, 3600.0, 60.0, 1.0};
    for (std::size_t i = 0; i < 4; ++i) {
        unsigned n = 0;
        const auto [next, error] = std::from_chars(at, end, n);
        const bool is_last = i == 3;
        if (error != std::errc{} || (is_last ? next != end : next == end || *next != ':')) {
            throw dv::Error("trainer.max_time is \"" + time + "\": must be \"DD:HH:MM:SS\" (days, hours, minutes, seconds), e.g. \"00:01:30:00\"");
        }
        out += n * kUnits[i];
        at = next + (is_last ? 0 : 1);
    }
    return out;
}

loops::TrainerOptions trainer_options(const manifest::Node& table, const TrainerKeys& keys) {
    if (keys.barebones) refuse_barebones(table, keys);
    loops::TrainerOptions out;
    out.stop = stop_limits(table, keys);
    out.train_batches = limit_of(table, "limit_train_batches");
    out.val_batches = limit_of(table, "limit_val_batches");
    out.test_batches = limit_of(table, "limit_test_batches");
    out.predict_batches = limit_of(table, "limit_predict_batches");
    if (keys.overfit_batches > 0) {
        out.overfit = true;
        out.train_batches = out.val_batches = limit_of(table, "overfit_batches");
    }
    if (table.find("val_check_interval")->is_int()) {
        out.val_check_batches = table.find("val_check_interval")->as_int();
    } else {
        out.val_check_interval = keys.val_check_interval;
    }
    if (keys.val_check_seconds > 0) out.val_check_seconds = keys.val_check_seconds;
    out.num_sanity_val_steps = keys.barebones ? 0 : keys.num_sanity_val_steps;
    out.check_val_every_n_epoch = keys.check_val_every_n_epoch;
    out.log_every_n_steps = keys.barebones ? 0 : keys.log_every_n_steps;
    out.accumulate = {{0, keys.accumulate_grad_batches}};
    if (!keys.accumulate_schedule.empty()) {
        if (keys.accumulate_grad_batches != 1) throw dv::Error("trainer.accumulate_grad_batches and trainer.accumulate_schedule are both given: leave one out");
        for (const AccumulateKeys& k : keys.accumulate_schedule) out.accumulate.push_back({k.epoch, k.batches});
        std::stable_sort(out.accumulate.begin(), out.accumulate.end(), [](const auto& a, const auto& b) { return a.epoch < b.epoch; });
    }
    out.accumulate_reduction = keys.accumulate_reduction;
    out.gradient_clip_val = keys.gradient_clip_val;
    out.gradient_clip_algorithm = keys.gradient_clip_algorithm == Clip::norm ? loops::ClipAlgorithm::norm : loops::ClipAlgorithm::value;
    out.on_nan = keys.on_nan == OnNan::stop   ? loops::OnNan::stop
                 : keys.on_nan == OnNan::skip ? loops::OnNan::skip
                                              : loops::OnNan::ignore;
    out.early_test_stop = keys.early_test_stop;
    out.precision = keys.precision;
    out.lightning = keys.compat == TrainerCompat::lightning;
    out.detect_anomaly = keys.detect_anomaly;
    out.inference_mode = keys.inference_mode;
    out.reload_dataloaders_every_n_epochs = keys.reload_dataloaders_every_n_epochs;
    if (keys.fast_dev_run > 0) make_trial(out, keys.fast_dev_run);
    if (keys.deterministic) at::globalContext().setDeterministicAlgorithms(true, keys.deterministic_warn_only);
    if (keys.benchmark) at::globalContext().setBenchmarkCuDNN(*keys.benchmark);
    return out;
}

}  // namespace dvhost::compose

#pragma once
/// What the fit and the evaluation loop share: the experiment, its numbers, its events.

#include "data/combined_loader.hpp"
#include "loops/events.hpp"
#include "loops/experiment.hpp"
#include "loops/model_hooks.hpp"

namespace dvhost::loops {

/// One run in motion. Members refer to each other, so it stays where it was made.
struct Run {
    explicit Run(Experiment& parts)
        : experiment(parts), metrics(*parts.sink), stop(parts.trainer.stop),
          events(parts, metrics, stop, progress, context), hooks(parts) {}
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    Experiment& experiment;
    Progress progress;
    RunContext context;
    MetricStore metrics;
    StopRule stop;
    Events events;
    ModelHooks hooks;
    bool validation_due = false;           ///< one fell due inside an accumulation window
    std::optional<double> first_step_at;   ///< monotonic [s] when the first training step had finished
    double fit_seconds = 0.0;
};

/// Opens the sources of a split with the run's loader settings; none when the data has no such split.
std::vector<data::Loader> open_split(const Experiment& experiment, dv::Split split);

/// A batch as the loader gave it → on the strategy's device, in the run's dtype, through the hooks of batch transfer. Frames that are
/// not finite are reported (check_frames).
dv::Batch on_device(Run& run, dv::Batch batch);

/// The next batch on the device; `batches` has next(), and waiting for it is called `action` in a profile.
template <class Source>
std::optional<dv::Batch> next_batch(Run& run, Source& batches, Profiler::Action action) {
    const auto waited = [&] {
        const ProfileScope scope(run.experiment.profiler, action);
        return batches.next();
    };
    std::optional<dv::Batch> batch = waited();
    if (batch) batch = on_device(run, std::move(*batch));
    return batch;
}

}  // namespace dvhost::loops

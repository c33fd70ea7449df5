#pragma once
/// What the fit and the evaluation loop share: the experiment, its numbers, its events.

#include "data/loader.hpp"
#include "loops/events.hpp"
#include "loops/experiment.hpp"

namespace dvhost::loops {

/// One run in motion. Members refer to each other, so it stays where it was made.
struct Run {
    explicit Run(Experiment& parts)
        : experiment(parts), metrics(*parts.sink), stop(parts.trainer.stop),
          events(parts, metrics, stop, progress, context) {}
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    Experiment& experiment;
    Progress progress;
    RunContext context;
    MetricStore metrics;
    StopRule stop;
    Events events;
    bool validation_due = false;           ///< one fell due inside an accumulation window
    std::optional<double> first_step_at;   ///< monotonic [s] when the first training step had finished
    double fit_seconds = 0.0;
};

/// Opens a split of the data with the run's loader settings; null when the data has no such split.
std::optional<data::Loader> open_split(const Experiment& experiment, dv::Split split);

/// The next batch on the strategy's device, in the run's dtype; frames that are not finite are reported (check_frames). `action` is
/// what waiting for it is called.
std::optional<dv::Batch> next_batch(const Experiment& experiment, data::Batches& batches, Profiler::Action action);

}  // namespace dvhost::loops

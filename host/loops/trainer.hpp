#pragma once
/// Runs the stages of an experiment, in order, and ends well whatever happens.

#include "loops/fit_loop.hpp"

#include <memory>
#include <string>
#include <vector>

namespace dvhost::loops {

enum class StageKind { fit, validate, test, predict };

/// What a finished run has to show.
struct RunSummary {
    Progress progress;
    std::vector<std::pair<std::string, double>> metrics;  ///< newest values, in order of first appearance
    double fit_seconds = 0.0;
    std::optional<double> first_step_at;                  ///< monotonic [s]
    std::string stop_reason;                              ///< why training ended
    std::filesystem::path predictions;                    ///< the file that the stage "predict" wrote; empty: none
};

class Trainer {
public:
    explicit Trainer(Experiment& experiment);

    /// Tells everybody on_setup, places the model on the strategy's device and builds the optimizers. Once; run() does it unless it has
    /// been done. On an exception: as run().
    void setup();
    /// Runs the stages under a SignalScope. On an exception: on_exception, teardown, then it is thrown on.
    void run(const std::vector<StageKind>& stages);

    /// What the stage "fit" goes on from; before run(). Weights, optimizer and callbacks have been restored already.
    void resume(RunState state) { resumed_ = std::move(state); }
    /// What a run would need to go on from here, for a checkpoint.
    RunState checkpoint() const;

    /// Callbacks and the model see `phase` besides those of the loops.
    void tell(std::uint32_t phase) { run_.events(phase); }
    bool wants(std::uint32_t phase) const { return run_.events.wanted(phase); }

    RunSummary summary() const;
    const Progress& progress() const { return run_.progress; }
    /// Where the monitored values are, for checkpoints and the closing table.
    const Run& state() const { return run_; }

private:
    void run_stage(StageKind stage, bool is_last);
    template <class Body>
    void guarded(Body&& body);
    void fail(const char* what, const char* outcome);
    void teardown_strategy();

    Experiment& experiment_;
    Run run_;
    std::optional<RunState> resumed_;
    std::unique_ptr<FitLoop> fit_;  // in motion
    bool has_predicted_ = false;
    bool is_set_up_ = false;
    bool has_strategy_ = false;  // set up, and not torn down
};

}  // namespace dvhost::loops

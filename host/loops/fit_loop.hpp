#pragma once
/// Training: epochs of batches, each batch forward, backward, step. Order of hooks: Lightning's (docs/trainer.md).

#include "loops/evaluation_loop.hpp"
#include "loops/optimization.hpp"
#include "loops/run_state.hpp"
#include "loops/stage.hpp"
#include "loops/validation_rule.hpp"

namespace dvhost::loops {

class FitLoop {
public:
    /// Begins anew, or goes on from `state`. Throws dv::Error when there is nothing to train with.
    FitLoop(Run& run, std::optional<RunState> state);

    /// Opens the data and trains until the stop rule says so. Throws dv::Error when there is nothing to train on, or the state is of
    /// another run.
    void run();
    /// What run() would need to go on from here.
    RunState state() const;

private:
    void begin();
    bool validates() const { return validation_->any(); }
    void open_training_data();
    void reload_if_due(std::int64_t& loaded_in, const std::function<void()>& reload) const;
    void restore(RunState state);
    void train_epoch();
    void begin_epoch();
    void open(std::optional<recording::StageRecording>& recording);
    bool train_batch(const dv::Batch& batch, recording::StageRecording* recording);
    bool after_batch();
    void validate();
    void end_epoch();
    void log_step(const dv::StepOutput& step);
    WindowPlace window_place() const;
    std::int64_t row_step() const;  ///< of values that belong to the last finished step
    void advance(dv::Schedule::Interval interval, bool observing = false);
    ScheduleClock clock() const;
    double elapsed() const { return now() - start_; }

    Run& run_;
    std::optional<RunState> resumed_;  // until it is taken over
    std::optional<EvaluationLoop> validation_;
    std::optional<data::CombinedLoader> loader_;
    std::int64_t n_batches_ = 0;
    std::optional<ValidationRule> rule_;
    Optimization optimization_;
    ScheduleSet schedules_;
    at::Tensor loss_sum_;  // of the epoch, weighted by samples
    std::int64_t epoch_samples_ = 0;
    std::int64_t train_loaded_in_ = 0, val_loaded_in_ = 0;  // epochs
    double start_ = 0.0;
    double elapsed_before_ = 0.0;  // in the runs that this one goes on from
    std::vector<dv::NamedTensor> generators_;
};

}  // namespace dvhost::loops

#pragma once
/// Training: epochs of batches, each batch forward, backward, step. Order of hooks: Lightning's (docs/architecture.md).

#include "loops/evaluation_loop.hpp"
#include "loops/nan_watch.hpp"
#include "loops/stage.hpp"

namespace dvhost::loops {

class FitLoop {
public:
    /// Throws dv::Error when there is nothing to train on, or nothing to train with.
    explicit FitLoop(Run& run);

    /// Trains until the stop rule says so.
    void run();

private:
    void train_epoch();
    void train_batch(const dv::Batch& batch);
    void optimizer_step();
    void clip_gradients();
    void end_epoch();
    void log_step(const dv::StepOutput& step);
    bool window_ends() const;
    bool validation_due() const;
    std::int64_t row_step() const;  ///< of values that belong to the last finished step
    void apply_schedule(dv::Schedule::Interval at);
    double elapsed() const { return now() - start_; }

    Run& run_;
    data::Loader loader_;
    EvaluationLoop validation_;
    NanWatch nan_watch_;
    std::vector<dv::NamedTensor> parameters_;  // trainable
    std::vector<dv::ParameterGroup> groups_;   // names and base rates
    std::int64_t n_batches_ = 0;
    std::int64_t window_losses_ = 0;           // batches with a loss in the accumulation window in hand
    at::Tensor loss_sum_;                      // of the epoch, weighted by samples
    std::int64_t epoch_samples_ = 0;
    double start_ = 0.0;
};

}  // namespace dvhost::loops

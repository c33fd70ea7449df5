#pragma once
/// Validation (inside fit, or alone) and test: one pass without gradients, metrics over the whole of it.

#include "loops/stage.hpp"

#include <functional>

namespace dvhost::loops {

class EvaluationLoop {
public:
    /// Throws dv::Error when the data has no such split.
    EvaluationLoop(Run& run, dv::Split split);

    /// True if there is something to evaluate.
    bool any() const { return loader_ && n_batches_ > 0; }
    std::int64_t n_batches() const { return n_batches_; }

    /// One pass. Its results are one row, "val/..." or "test/...", logged at `row_step`.
    /// `logged` is called when its results are known, before the callbacks' last hook.
    void run(std::int64_t row_step, const std::function<void()>& logged = [] {});
    /// A pass over the first batches (-1: all) whose numbers nobody sees: does validation work at all?
    void sanity_check(std::int64_t n_batches);

private:
    enum class Purpose { evaluate, sanity_check };
    void pass(Purpose purpose, std::int64_t n_batches, std::int64_t row_step, const std::function<void()>& logged);
    dv::StepOutput validation_step(const dv::Batch& batch);
    /// Sums over samples: of the loss first, then of each criterion.
    void log_results(const std::vector<dv::NamedTensor>& sums, std::int64_t n_samples, std::int64_t row_step);

    Run& run_;
    dv::Split split_;
    std::optional<data::Loader> loader_;
    std::int64_t n_batches_ = 0;
};

}  // namespace dvhost::loops

#pragma once
/// Validation (inside fit, or alone) and test: one pass without gradients, metrics over the whole of it. Of several sources each is
/// measured by itself, and its values carry Lightning's suffix "/dataloader_idx_<i>".

#include "loops/stage.hpp"

#include <functional>

namespace dvhost::loops {

class EvaluationLoop {
public:
    EvaluationLoop(Run& run, dv::Split split);

    /// True if there is something to evaluate.
    bool any() const { return n_batches() > 0; }
    /// Over all sources.
    std::int64_t n_batches() const;
    /// Opens the split again.
    void reload();

    /// One pass. Its results are one row, "val/..." or "test/...", logged at `row_step`.
    /// `logged` is called when its results are known, before the callbacks' last hook.
    void run(std::int64_t row_step, const std::function<void()>& logged = [] {});
    /// A pass over the first batches of each source (-1: all) whose numbers nobody sees: does validation work at all?
    void sanity_check(std::int64_t n_batches);

private:
    enum class Purpose { evaluate, sanity_check };
    /// `most`: batches per source.
    void pass(Purpose purpose, std::int64_t most, std::int64_t row_step, const std::function<void()>& logged);
    /// One source; what was measured on it, named as it is logged.
    std::vector<dv::NamedTensor> measure(std::size_t loader, std::int64_t n_batches, recording::StageRecording* recording);
    dv::StepOutput validation_step(const dv::Batch& batch);
    void log_results(const std::vector<dv::NamedTensor>& results, std::int64_t row_step);

    Run& run_;
    dv::Split split_;
    std::vector<data::Loader> loaders_;
    std::vector<std::int64_t> n_batches_;  // that are taken of each
};

}  // namespace dvhost::loops

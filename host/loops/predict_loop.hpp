#pragma once
/// Prediction: one pass without gradients or labels; the outputs become a file.

#include "loops/stage.hpp"

namespace dvhost::loops {

class PredictLoop {
public:
    /// Throws dv::Error when the data has nothing to predict.
    explicit PredictLoop(Run& run);

    /// One pass in the order of the data. Experiment::predictions becomes the outputs, [sample, time, class] in the model's dtype; the
    /// former file stays until the whole new one is there. Throws dv::IoError, and dv::Error when batches differ in time or classes.
    void run();

private:
    at::Tensor predict_step(const dv::Batch& batch);
    Run& run_;
    data::Loader loader_;
    std::int64_t n_batches_ = 0, n_samples_ = 0;
};

}  // namespace dvhost::loops

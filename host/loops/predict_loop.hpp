#pragma once
/// Prediction: one pass without gradients or labels; the outputs become a file, or one per source of the data.

#include "loops/stage.hpp"

namespace dvhost::loops {

class PredictLoop {
public:
    /// Throws dv::Error when the data has nothing to predict.
    explicit PredictLoop(Run& run);

    /// One pass in the order of the data. Experiment::predictions becomes the outputs, [sample, time, class] in the model's dtype; the
    /// former file stays until the whole new one is there. Of several sources the files are "<stem>_<i>.npy". Throws dv::IoError, and
    /// dv::Error when batches differ in time or classes.
    void run();

private:
    void predict(std::size_t loader, recording::StageRecording* recording);
    at::Tensor predict_step(const dv::Batch& batch);
    std::int64_t n_samples(std::size_t loader) const;
    Run& run_;
    std::vector<data::Loader> loaders_;
    std::vector<std::int64_t> n_batches_;
};

}  // namespace dvhost::loops

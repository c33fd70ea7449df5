#pragma once
/// What one training batch does to the weights: forward, backward, and at the end of an accumulation window a step.

#include "loops/grad_scaler.hpp"
#include "loops/nan_watch.hpp"
#include "loops/stage.hpp"

namespace dvhost::loops {

/// A batch's place in its accumulation window.
struct WindowPlace {
    bool first = true, last = true;
    std::int64_t size = 1;  ///< batches of the window
};

class Optimization {
public:
    /// Throws dv::Error for optimizers and flags that do not go together.
    explicit Optimization(Run& run);

    /// Forward, backward, perhaps a step; hooks in Lightning's order. What the model gave; without a loss when the batch was left out.
    /// `recording`, if any, takes the responses behind the outputs; of an optimizer's further evaluations of the loss, none.
    dv::StepOutput train(const dv::Batch& batch, const WindowPlace& place, recording::StageRecording* recording = nullptr);
    /// Whether the last train() stepped an optimizer.
    bool stepped() const { return stepped_; }
    /// Between windows: memory that a validation can use.
    void drop_gradients();
    /// Waits for losses that are still being looked at (NanWatch::settle).
    void settle() { nan_watch_.settle(); }

    /// What an open window holds, for checkpoints; gradients under the names of their parameters.
    struct Window {
        std::int64_t losses = 0;  ///< batches with a loss
        double weight = 0.0;      ///< samples in them
        std::vector<dv::NamedTensor> gradients;
    };
    Window window() const;
    /// Continues a window. Throws dv::Error for a gradient that has no parameter.
    void restore(Window window);
    GradScaler& scaler() { return scaler_; }
    const GradScaler& scaler() const { return scaler_; }

private:
    class Manual;
    dv::StepOutput train_manually(const dv::Batch& batch);
    void zero_grad();
    dv::StepOutput forward(const dv::Batch& batch);
    void backward(const at::Tensor& loss, const dv::Batch& batch, const WindowPlace& place);
    void finish_window(const dv::Batch& batch, dv::StepOutput& output);
    void step();
    void step_with_closure(const dv::Batch& batch, dv::StepOutput& output);
    void clip();
    dv::Optimizer& optimizer() { return *run_.experiment.optimizers.front(); }

    Run& run_;
    NanWatch nan_watch_;
    GradScaler scaler_;
    std::vector<dv::NamedTensor> parameters_;  // trainable
    Window window_;                            // without gradients: those are in the parameters
    bool stepped_ = false;
};

}  // namespace dvhost::loops

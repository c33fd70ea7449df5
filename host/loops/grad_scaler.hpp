#pragma once
/// Keeps half-precision gradients above their smallest number: losses are multiplied before the backward pass, gradients divided before
/// the step; a step whose gradients are not finite is left out and the factor lowered. torch.amp.GradScaler's rule and constants.

#include <dv/torch/parameters.hpp>

#include <ATen/core/Tensor.h>

#include <span>

namespace dvhost::loops {

class GradScaler {
public:
    struct State {
        double scale = 65536.0;
        double growth_factor = 2.0, backoff_factor = 0.5;
        std::int64_t growth_interval = 2000;
        std::int64_t growth_tracker = 0;
    };

    explicit GradScaler(bool on) : on_(on) {}
    bool on() const { return on_; }
    at::Tensor scaled(const at::Tensor& loss) const { return on_ ? loss.mul(state_.scale) : loss; }
    /// Divides the gradients and adapts the factor. False: they were not finite, and the step is to be left out.
    bool unscale(std::span<const dv::NamedTensor> parameters);

    const State& state() const { return state_; }
    void restore(const State& state) { state_ = state; }

private:
    bool on_;
    State state_;
};

}  // namespace dvhost::loops

#pragma once
/// Gradient clipping.

#include <dv/torch/parameters.hpp>

#include <span>

namespace dvhost::loops {

/// Scales all gradients so that their joint 2-norm is at most `max_norm` (PyTorch's clip_grad_norm_). No device sync.
void clip_gradient_norm(std::span<const dv::NamedTensor> parameters, double max_norm);
/// Multiplies every gradient.
void scale_gradients(std::span<const dv::NamedTensor> parameters, double factor);
/// Clamps each gradient element to ± `bound`.
void clip_gradient_value(std::span<const dv::NamedTensor> parameters, double bound);

}  // namespace dvhost::loops

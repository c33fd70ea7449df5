#pragma once
/// Which time steps a metric counts.

#include <ATen/core/Tensor.h>

namespace dv::metrics {

enum class Steps {
    all,   ///< every scored step of every sample
    last,  ///< each sample's last scored step
};

struct Scored {
    at::Tensor outputs;  ///< [n, class]
    at::Tensor labels;   ///< int64 [n]; negative: not scored
};

/// outputs [batch, time, class] and labels int64 [batch, time] to the entries that count: batch × time of them, or one per
/// sample. A sample without a scored step keeps a negative label. No device sync. Throws dv::Error with the shapes when they
/// do not fit.
Scored select(const at::Tensor& outputs, const at::Tensor& labels, Steps steps);

/// sum / count as a 0-dim double, 0.0 where nothing was counted.
at::Tensor mean_or_zero(const at::Tensor& sum, const at::Tensor& count);

}  // namespace dv::metrics

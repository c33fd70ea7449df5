#pragma once
/// What DynVision measures of outputs [batch, time, class] and labels [batch, time] (negative: not scored).

#include <ATen/core/Tensor.h>

namespace dvhost::verify {

struct Measures {
    at::Tensor guess;                   ///< [batch, time]: the class with the largest output
    at::Tensor guess_confidence;        ///< [batch, time]: its probability
    at::Tensor label_confidence;        ///< [batch, time]: the label's probability, 0 where there is no label
    at::Tensor first_label_confidence;  ///< [batch, time]: that of each sample's first label
    at::Tensor accuracy;                ///< 0-dim: share of scored steps with the right guess; 0 if none is scored
};
Measures measures(const at::Tensor& outputs, const at::Tensor& labels);

}  // namespace dvhost::verify

#include "verify/measures.hpp"

#include <ATen/ops/gather.h>

#include <tuple>

namespace dvhost::verify {

namespace {

/// The probability of `classes` [batch, time], 0 where negative.
at::Tensor confidence(const at::Tensor& probability, const at::Tensor& classes) {
    const at::Tensor valid = classes.ge(0).logical_and(classes.lt(probability.size(-1)));
    const at::Tensor index = classes.clamp(0, probability.size(-1) - 1).unsqueeze(-1);
    return at::gather(probability, -1, index).squeeze(-1).mul(valid);
}

/// Each sample's label at its first scored step, over time; its first label where none is scored.
at::Tensor first_labels(const at::Tensor& labels) {
    const at::Tensor first = labels.ge(0).to(at::kInt).argmax(1, /*keepdim=*/true);
    return at::gather(labels, 1, first).expand(labels.sizes());
}

}  // namespace

Measures measures(const at::Tensor& outputs, const at::Tensor& labels) {
    const at::Tensor probability = outputs.softmax(-1);
    const auto [best, guess] = probability.max(-1);
    const at::Tensor scored = labels.ge(0);
    const at::Tensor right = guess.eq(labels).logical_and(scored).sum().to(at::kDouble);
    return {guess, best, confidence(probability, labels), confidence(probability, first_labels(labels)),
            right.div(scored.sum().clamp_min(1))};
}

}  // namespace dvhost::verify

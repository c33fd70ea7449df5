#include "scored_steps.hpp"

#include <dv/error.hpp>

#include <ATen/ops/arange.h>

#include <sstream>

namespace dv::metrics {

namespace {

void expect_shapes(const at::Tensor& outputs, const at::Tensor& labels) {
    const bool fit = outputs.dim() == 3 && labels.dim() == 2 && labels.sizes() == outputs.sizes().slice(0, 2);
    if (fit) return;
    std::ostringstream text;
    text << "a metric takes outputs [batch, time, class] and labels [batch, time], but got outputs " << outputs.sizes()
         << " and labels " << labels.sizes();
    throw Error(text.str());
}

}  // namespace

Scored select(const at::Tensor& outputs, const at::Tensor& labels, Steps steps) {
    expect_shapes(outputs, labels);
    if (steps == Steps::all) return {outputs.flatten(0, 1), labels.reshape({-1})};
    // Scored steps weigh 1 to T, the others 0: the largest is the last scored step, or some unscored one if there is none.
    const at::Tensor weight = labels.ge(0).mul(at::arange(1, labels.size(1) + 1, labels.options()));
    const at::Tensor step = weight.argmax(1, /*keepdim=*/true);
    const at::Tensor of_class = step.unsqueeze(2).expand({-1, 1, outputs.size(2)});
    return {outputs.gather(1, of_class).squeeze(1), labels.gather(1, step).squeeze(1)};
}

at::Tensor mean_or_zero(const at::Tensor& sum, const at::Tensor& count) {
    return sum.to(at::kDouble).div(count.clamp_min(1));
}

}  // namespace dv::metrics

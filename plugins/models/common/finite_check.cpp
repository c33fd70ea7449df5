#include "finite_check.hpp"

#include <dv/error.hpp>

#include <string>

namespace rcnn {

namespace {

void check(const std::string& layer, std::int64_t timestep, const at::Tensor& response) {
    const at::Tensor sound = response.detach().isfinite().flatten(1).all(1);
    if (sound.all().item<bool>()) return;
    std::int64_t sample = 0;
    while (sound[sample].item<bool>()) ++sample;
    const bool nan = response.detach()[sample].isnan().any().item<bool>();
    throw dv::Error("the response of " + layer + " at step " + std::to_string(timestep) + " is " +
                    (nan ? "NaN" : "infinite") + " in sample " + std::to_string(sample) +
                    " of the batch; a smaller dt or learning rate may help, or the input is not finite itself");
}

}  // namespace

bool FiniteCheck::wants(std::size_t layer, std::int64_t timestep) const {
    if (inner_ && inner_->wants(layer, timestep)) wanted_.emplace(layer, timestep);
    return true;
}

void FiniteCheck::record(std::size_t layer, std::int64_t timestep, const at::Tensor& response) {
    if (response.defined()) check("layer " + circuit_.layers[layer].name, timestep, response);
    if (wanted_.contains({layer, timestep})) inner_->record(layer, timestep, response);
}

void FiniteCheck::look_at_outputs(const at::Tensor& outputs) const {
    for (std::int64_t t = 0; t < outputs.size(1); ++t) check("the classifier", t, outputs.select(1, t));
}

}  // namespace rcnn

#include "weights.hpp"

#include <ATen/ops/_weight_norm.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/full.h>

#include <cmath>

namespace rcnn {

namespace {

Weight normed(at::Tensor direction) {
    const at::Tensor v = direction.detach();
    std::vector<std::int64_t> shape(static_cast<std::size_t>(v.dim()), 1);
    shape[0] = v.size(0);
    return {{}, v.flatten(1).norm(2, 1).view(shape).requires_grad_(true), std::move(direction)};
}

}  // namespace

at::Tensor Weight::value() const { return is_made() ? at::_weight_norm(direction, scale, 0) : plain; }

std::int64_t Weight::n_parameters() const { return is_made() ? scale.numel() + direction.numel() : plain.numel(); }

Weight add_weight(dv::Parameters& weights, const std::string& name, std::span<const std::int64_t> shape,
                  const dv::Initializer& initializer, bool weight_norm) {
    if (!weight_norm) return {weights.add(name + ".weight", shape, initializer), {}, {}};
    const std::string both = name + ".parametrizations.weight.original";
    Weight made = normed(weights.add(both + "1", shape, initializer));
    weights.adopt({both + "0", made.scale, true});
    return made;
}

dv::Initializer start_of_weight(Start start, std::int64_t fan_in) {
    if (start == Start::pytorch) return dv::init::KaimingUniform{fan_in};
    return dv::init::KaimingNormal{fan_in};
}

dv::Initializer start_of_bias(Start start, std::int64_t fan_in) {
    if (start == Start::pytorch) return dv::init::Uniform{1.0 / std::sqrt(static_cast<double>(fan_in))};
    return dv::init::Constant{0.0};
}

WeightNormedRecurrence::WeightNormedRecurrence(std::shared_ptr<dv::Recurrence> inner) : inner_(std::move(inner)) {
    const auto map = inner_->linear();
    if (!map) throw dv::Error("weight_norm needs a recurrence that is one convolution, such as 'full'");
    map_ = *map;
    for (const dv::NamedTensor& p : inner_->parameters()) {
        if (!p.tensor.is_same(map_.weight)) {
            parameters_.push_back(p);
            continue;
        }
        weight_ = normed(p.tensor);
        const std::string place = p.name.substr(0, p.name.rfind("weight"));
        parameters_.push_back({place + "parametrizations.weight.original0", weight_.scale, true});
        parameters_.push_back({place + "parametrizations.weight.original1", weight_.direction, true});
    }
    if (!weight_.is_made()) {  // its weight is made of others already
        throw dv::Error("weight_norm needs a recurrence whose weight is a parameter; this one makes its weight itself");
    }
}

std::optional<dv::LinearMap> WeightNormedRecurrence::linear() const {
    dv::LinearMap map = map_;
    map.weight = weight_.value();
    return map;
}

at::Tensor WeightNormedRecurrence::forward(const at::Tensor& rate) const {
    const at::Tensor weight = weight_.value();
    return at::conv2d(rate, weight, map_.bias, /*stride=*/1, weight.size(2) / 2, /*dilation=*/1, map_.groups);
}

void FixedSelf::build(const dv::RecurrenceSite& site) {
    if (site.source_channels != site.target_channels) {
        throw dv::Error("a fixed self weight needs as many channels where it joins as the layer has, which are " +
                        std::to_string(site.source_channels) + "; there are " + std::to_string(site.target_channels));
    }
    weight_ = at::full({1}, value_, at::kFloat);
}

}  // namespace rcnn

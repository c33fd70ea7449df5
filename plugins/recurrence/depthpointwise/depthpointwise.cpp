#include <dv/torch/recurrence.hpp>

#include <ATen/ops/conv2d.h>

namespace {

/// R h = P (D * h + d) + p: each channel is filtered in space by its own kernel, then channels are mixed at each position.
struct DepthPointwise final : dv::Recurrence {
    std::optional<std::int64_t> kernel;
    std::optional<bool> bias;

    static constexpr auto params =
        dv::schema(dv::p("kernel", &DepthPointwise::kernel, dv::unset,
                         "side of the depthwise kernel; unset: the layer's own", dv::at_least{1.0}),
                   dv::p("bias", &DepthPointwise::bias, dv::unset,
                         "add trained constants after both; unset: as the layer's convolution has one"));

    dv::Parameters weights;
    dv::LinearMap depth, point;

    void build(const dv::RecurrenceSite& site) override {
        const std::int64_t k = kernel.value_or(site.kernel), from = site.source_channels, to = site.target_channels;
        const dv::init::Uniform small{site.max_weight_init};
        const bool biased = bias.value_or(site.bias != 0);
        weights = dv::Parameters(dv::initial_value_key(host));
        depth.groups = from;
        depth.weight = weights.add("depthwise_conv.weight", {from, 1, k, k}, small);
        if (biased) depth.bias = weights.add("depthwise_conv.bias", {from}, dv::init::Constant{0.0});
        point.weight = weights.add("pointwise_conv.weight", {to, from, 1, 1}, small);
        if (biased) point.bias = weights.add("pointwise_conv.bias", {to}, dv::init::Constant{0.0});
    }
    std::vector<dv::NamedTensor> parameters() const override { return {weights.all().begin(), weights.all().end()}; }
    at::Tensor forward(const at::Tensor& rate) const override {
        const at::Tensor filtered = at::conv2d(rate, depth.weight, depth.bias, /*stride=*/1,
                                               /*padding=*/depth.weight.size(2) / 2, /*dilation=*/1, depth.groups);
        return at::conv2d(filtered, point.weight, point.bias);
    }
    std::string equation() const override {
        const std::string side = std::to_string(depth.weight.size(2));
        return "conv1x1(depthwise" + side + "x" + side + "(h))";
    }
};

}  // namespace

DV_COMPONENT(DepthPointwise, "dynvision.recurrence.depthpointwise",
             "Each channel is filtered in space, then channels are mixed at each position");

#include <dv/torch/recurrence.hpp>

#include <ATen/ops/conv2d.h>

namespace {

/// R h = W * h + b: every channel drives every channel within the kernel.
struct Full final : dv::Recurrence {
    std::optional<std::int64_t> kernel;
    std::optional<bool> bias;

    static constexpr auto params = dv::schema(
        dv::p("kernel", &Full::kernel, dv::unset, "side of the kernel; unset: the layer's own", dv::at_least{1.0}),
        dv::p("bias", &Full::bias, dv::unset, "add a trained constant; unset: as the layer's convolution has one"));

    dv::Parameters weights;
    dv::LinearMap map;

    void build(const dv::RecurrenceSite& site) override {
        const std::int64_t k = kernel.value_or(site.kernel);
        weights = dv::Parameters(dv::initial_value_key(host));
        map.weight = weights.add("conv.weight", {site.target_channels, site.source_channels, k, k},
                                 dv::init::Uniform{site.max_weight_init});
        if (bias.value_or(site.bias != 0)) {
            map.bias = weights.add("conv.bias", {site.target_channels}, dv::init::Constant{0.0});
        }
    }
    std::vector<dv::NamedTensor> parameters() const override { return {weights.all().begin(), weights.all().end()}; }
    at::Tensor forward(const at::Tensor& rate) const override {
        return at::conv2d(rate, map.weight, map.bias, /*stride=*/1, /*padding=*/map.weight.size(2) / 2);
    }
    std::optional<dv::LinearMap> linear() const override { return map; }
    std::string equation() const override {
        const std::string side = std::to_string(map.weight.size(2));
        return "conv" + side + "x" + side + "(h)";
    }
};

}  // namespace

DV_COMPONENT(Full, "dynvision.recurrence.full", "Every channel drives every channel within a kernel: one convolution");

#include <topographic_plane.hpp>

#include <ATen/ops/conv2d.h>

namespace {

/// R h = D * (P⁻¹(K * P(h)) + b) + d: one small kernel over the topographic plane, then each channel is filtered in space.
struct LocalDepthwise final : dv::Recurrence {
    std::optional<std::int64_t> kernel, local_kernel;
    std::optional<bool> bias;

    static constexpr auto params =
        dv::schema(dv::p("kernel", &LocalDepthwise::kernel, dv::unset,
                         "side of the depthwise kernel; unset: the layer's own", dv::at_least{1.0}),
                   dv::p("local_kernel", &LocalDepthwise::local_kernel, dv::unset,
                         "side of the kernel on the plane, odd; unset: a quarter of sqrt(channels), 3 at least",
                         dv::at_least{1.0}),
                   dv::p("bias", &LocalDepthwise::bias, dv::unset,
                         "add trained constants after both; unset: as the layer's convolution has one"));

    dv::Parameters weights;
    topographic::PlaneConvolution on_plane;
    dv::LinearMap near, patchy;

    void build(const dv::RecurrenceSite& site) override {
        on_plane = topographic::PlaneConvolution("localdepthwise", site, local_kernel);
        const std::int64_t q = on_plane.kernel(), k = kernel.value_or(site.kernel), n = site.source_channels;
        const bool biased = bias.value_or(site.bias != 0);
        // Only the depthwise weights start small: the others are left as PyTorch draws them.
        const dv::init::KaimingUniform near_default{q * q}, patchy_default{k * k};
        weights = dv::Parameters(dv::initial_value_key(host));
        near.weight = weights.add("local_conv.conv.weight", {1, 1, q, q}, near_default);
        if (biased) near.bias = weights.add("local_conv.conv.bias", {1}, near_default);
        patchy.groups = n;
        patchy.weight = weights.add("patchy_conv.weight", {n, 1, k, k}, dv::init::Uniform{site.max_weight_init});
        if (biased) patchy.bias = weights.add("patchy_conv.bias", {n}, patchy_default);
    }
    std::vector<dv::NamedTensor> parameters() const override { return {weights.all().begin(), weights.all().end()}; }
    at::Tensor forward(const at::Tensor& rate) const override {
        return at::conv2d(on_plane(rate, near.weight, near.bias), patchy.weight, patchy.bias, /*stride=*/1,
                          /*padding=*/patchy.weight.size(2) / 2, /*dilation=*/1, patchy.groups);
    }
    std::string equation() const override {
        const std::string q = std::to_string(on_plane.kernel()), k = std::to_string(patchy.weight.size(2));
        return "depthwise" + k + "x" + k + "(plane conv" + q + "x" + q + "(h))";
    }
};

}  // namespace

DV_COMPONENT(LocalDepthwise, "dynvision.recurrence.localdepthwise",
             "Near neighbours on the topographic plane, then each channel's own filter in space");

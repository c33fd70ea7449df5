#include <dv/torch/recurrence.hpp>

#include <ATen/ops/_weight_norm.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/norm_except_dim.h>

namespace {

enum class Parametrization { weight_norm };

/// R h = W * h + b: every channel drives every channel within the kernel.
struct Full final : dv::Recurrence {
    std::optional<std::int64_t> kernel;
    std::optional<bool> bias;
    std::optional<Parametrization> parametrization;

    static constexpr auto params = dv::schema(
        dv::p("kernel", &Full::kernel, dv::unset, "side of the kernel; unset: the layer's own", dv::at_least{1.0}),
        dv::p("bias", &Full::bias, dv::unset, "add a trained constant; unset: as the layer's convolution has one"),
        dv::p("parametrization", &Full::parametrization, dv::unset,
              "weight_norm: length and direction of each output channel's weights are trained apart; unset: the "
              "weights",
              dv::choices("weight_norm")));

    dv::Parameters weights;
    at::Tensor weight;  // what is trained: the weights, or their directions
    at::Tensor length;  // of each output channel's weights, when trained apart
    at::Tensor offset;

    void build(const dv::RecurrenceSite& site) override {
        const std::int64_t k = kernel.value_or(site.kernel);
        const std::array<std::int64_t, 4> shape{site.target_channels, site.source_channels, k, k};
        const dv::init::Uniform small{site.max_weight_init};
        weights = dv::Parameters(dv::initial_value_key(host));
        if (parametrization) {
            const std::string stem = "conv.parametrizations.weight.original";  // torch's names
            dv::Parameters drawn(dv::initial_value_key(host));
            weight = drawn.add(stem + "1", shape, small);
            length = at::norm_except_dim(weight.detach(), /*pow=*/2, /*dim=*/0).requires_grad_(true);
            weights.adopt({stem + "0", length});
            weights.adopt({stem + "1", weight});
        } else {
            weight = weights.add("conv.weight", shape, small);
        }
        if (bias.value_or(site.bias != 0)) {
            offset = weights.add("conv.bias", {site.target_channels}, dv::init::Constant{0.0});
        }
    }
    std::vector<dv::NamedTensor> parameters() const override { return {weights.all().begin(), weights.all().end()}; }
    at::Tensor forward(const at::Tensor& rate) const override {
        const at::Tensor w = effective_weight();
        return at::conv2d(rate, w, offset, /*stride=*/1, /*padding=*/w.size(2) / 2);
    }
    std::optional<dv::LinearMap> linear() const override { return dv::LinearMap{effective_weight(), offset, 1}; }
    std::string equation() const override {
        const std::string side = std::to_string(weight.size(2));
        return "conv" + side + "x" + side + "(h)";
    }

private:
    at::Tensor effective_weight() const {
        return length.defined() ? at::_weight_norm(weight, length, /*dim=*/0) : weight;
    }
};

}  // namespace

DV_COMPONENT(Full, "dynvision.recurrence.full", "Every channel drives every channel within a kernel: one convolution");

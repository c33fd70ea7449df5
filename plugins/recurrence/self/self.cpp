#include <dv/torch/recurrence.hpp>

#include <ATen/ops/full.h>

namespace {

/// R h = w h + b, with one w for all units, or one per channel.
struct Self final : dv::Recurrence {
    std::optional<double> fixed_self_weight;
    bool per_channel = false;
    std::optional<bool> bias;

    static constexpr auto params = dv::schema(
        dv::p("fixed_self_weight", &Self::fixed_self_weight, dv::unset, "weight that is neither drawn nor trained"),
        dv::p("per_channel", &Self::per_channel, false, "one weight per channel instead of one for all"),
        dv::p("bias", &Self::bias, dv::unset, "add a trained constant; unset: as the layer's convolution has one"));

    dv::Parameters weights;
    at::Tensor w, b;

    void build(const dv::RecurrenceSite& site) override {
        if (site.source_channels != site.target_channels) {
            throw dv::Error("self-recurrence needs as many target channels as the layer has, which are " +
                            std::to_string(site.source_channels) + "; its target has " +
                            std::to_string(site.target_channels) + ". Use target = \"output\" or recurrence type full");
        }
        const std::int64_t n = per_channel ? site.source_channels : 1;
        weights = dv::Parameters(dv::initial_value_key(host));
        if (fixed_self_weight) {
            w = at::full({n}, *fixed_self_weight, at::kFloat);
            weights.adopt({"weight", w, /*trainable=*/false});
        } else {
            w = weights.add("weight", {n}, dv::init::Uniform{site.max_weight_init});
        }
        if (bias.value_or(site.bias != 0)) b = weights.add("bias", {1}, dv::init::Constant{0.0});
    }
    std::vector<dv::NamedTensor> parameters() const override { return {weights.all().begin(), weights.all().end()}; }
    at::Tensor forward(const at::Tensor& rate) const override {
        const at::Tensor drive = rate.mul(w.view({1, -1, 1, 1}));
        return b.defined() ? drive.add(b) : drive;
    }
    std::string equation() const override {
        const std::string weight = per_channel ? "w[channel]" : "w";
        return weight + " h" + (b.defined() ? " + b" : "");
    }
};

}  // namespace

DV_COMPONENT(Self, "dynvision.recurrence.self", "Each unit drives itself: w h + b");

#include <topographic_plane.hpp>

namespace {

/// R h = P⁻¹(K * P(h)) + b: one small kernel over the topographic plane, shared by all units.
struct Local final : dv::Recurrence {
    std::optional<std::int64_t> kernel;
    std::optional<bool> bias;

    static constexpr auto params = dv::schema(
        dv::p("kernel", &Local::kernel, dv::unset,
              "side of the kernel on the plane, odd; unset: a quarter of sqrt(channels), 3 at least",
              dv::at_least{1.0}),
        dv::p("bias", &Local::bias, dv::unset, "add a trained constant; unset: as the layer's convolution has one"));

    dv::Parameters weights;
    topographic::PlaneConvolution on_plane;
    at::Tensor weight, offset;

    void build(const dv::RecurrenceSite& site) override {
        on_plane = topographic::PlaneConvolution("local", site, kernel);
        const std::int64_t k = on_plane.kernel();
        weights = dv::Parameters(dv::initial_value_key(host));
        weight = weights.add("conv.weight", {1, 1, k, k}, dv::init::Uniform{site.max_weight_init});
        if (bias.value_or(site.bias != 0)) offset = weights.add("conv.bias", {1}, dv::init::KaimingUniform{k * k});
    }
    std::vector<dv::NamedTensor> parameters() const override { return {weights.all().begin(), weights.all().end()}; }
    at::Tensor forward(const at::Tensor& rate) const override { return on_plane(rate, weight, offset); }
    std::string equation() const override {
        const std::string side = std::to_string(on_plane.kernel());
        return "plane conv" + side + "x" + side + "(h)";
    }
};

}  // namespace

DV_COMPONENT(Local, "dynvision.recurrence.local",
             "Units near each other in space and in feature drive each other: one kernel on the topographic plane");

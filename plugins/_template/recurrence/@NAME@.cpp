// A recurrence is the map from a layer's past activity to a drive. It holds weights and no state: the engine hands it
// activity, for many samples and time steps at once, whenever it likes.
#include <dv/torch/recurrence.hpp>

namespace {

/// Each channel excites or inhibits itself:  drive_c = g_c h_c + b_c.
struct @CLASS_NAME@ final : dv::Recurrence {
    double gain = 0;
    static constexpr auto params = dv::schema(dv::p(
        "gain", &@CLASS_NAME@::gain, 0.1, "gain of every channel at the start; negative inhibits", dv::range{-10, 10}));

    // The layer says where this sits; a place that does not suit is refused with a reason.
    void build(const dv::RecurrenceSite& site) override {
        if (site.source_channels != site.target_channels) {
            throw dv::Error("a gain per channel needs as many channels out (" + std::to_string(site.target_channels) +
                            ") as in (" + std::to_string(site.source_channels) + ")");
        }
        channels_ = site.source_channels;
        // Initial values are keyed by the run's seed, this component's place and the name, so they are the same in
        // every run.
        tensors_ = dv::Parameters(dv::initial_value_key(host));
        gains_ = tensors_.add("gain", {channels_, 1, 1, 1}, dv::init::Constant{gain});
        if (site.bias) bias_ = tensors_.add("bias", {channels_}, dv::init::Uniform{site.max_weight_init});
    }
    std::vector<dv::NamedTensor> parameters() const override { return {tensors_.all().begin(), tensors_.all().end()}; }

    // [n, channel, y, x] -> [n, channel, y, x]
    at::Tensor forward(const at::Tensor& rate) const override {
        const at::Tensor drive = rate.mul(gains_.view({channels_, 1, 1}));
        return bias_.defined() ? drive.add(bias_.view({channels_, 1, 1})) : drive;
    }
    // It is a convolution, and says so: the engine may fuse it with others.
    std::optional<dv::LinearMap> linear() const override { return dv::LinearMap{gains_, bias_, channels_}; }
    std::string equation() const override { return "g_c h_c + b_c"; }

private:
    dv::Parameters tensors_;
    at::Tensor gains_, bias_;
    std::int64_t channels_ = 0;
};

}  // namespace

DV_COMPONENT(@CLASS_NAME@, "@ID@", "Each channel excites or inhibits itself");

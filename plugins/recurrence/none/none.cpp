#include <dv/torch/recurrence.hpp>

namespace {

/// R h = 0: a layer without recurrence, said by name.
struct None final : dv::Recurrence {
    std::int64_t target_channels = 0;

    void build(const dv::RecurrenceSite& site) override { target_channels = site.target_channels; }
    std::vector<dv::NamedTensor> parameters() const override { return {}; }
    at::Tensor forward(const at::Tensor& rate) const override {
        return rate.new_zeros({rate.size(0), target_channels, rate.size(2), rate.size(3)});
    }
    std::string equation() const override { return "0"; }
    bool contributes() const override { return false; }
};

}  // namespace

DV_COMPONENT(None, "dynvision.recurrence.none", "No recurrence: the layer does not read its own past");

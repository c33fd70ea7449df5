#include "preset.hpp"

namespace rcnn {
namespace {

/// Emulation of CORnet-RT (Kubilius et al. 2018): four areas, each a step behind the one before, with the image
/// reaching IT in the fourth step. Areas without input run on a state of zeros.
struct CornetRt final : NetworkModel {
    static constexpr auto params = std::tuple_cat(
        std::tuple(setting<"n_timesteps">(5), setting<"dt">(), setting<"t_feedforward">(2.0),
                   setting<"t_recurrence">(2.0), setting<"recurrence">(dv::unset),
                   dv::p("fixed_self_weight", &CornetRt::fixed_self_weight, 1.0,
                         "w of the recurrence w h that every area has where 'recurrence' is unset; it is not trained"),
                   setting<"recurrence_target">(dv::temporal::RecurrenceTarget::middle), setting<"max_weight_init">(),
                   setting<"feedforward_only">(), setting<"non_feedforward_operations">(), setting<"idle_timesteps">(),
                   setting<"shuffle_presentation_pattern">(true)),
        settings_of_runs());

    void expand() override {
        operations = {"layer", "norm", "nonlin", "record", "delay", "skipzeros"};
        start = Start::pytorch;
        norm = NormSettings{};  // 32 groups
        add("V1", 64, 7, 4);
        add("V2", 128, 3, 2);
        add("V4", 256, 3, 2);
        add("IT", 512, 3, 2);
        layer.back().t_feedforward = 0.0;
    }

private:
    void add(const char* name, std::int64_t channels, std::int64_t kernel, std::int64_t stride) {
        LayerSettings l;
        l.name = name;
        l.conv = conv(channels, kernel, stride);
        l.mid_norm = NormSettings{};
        l.conv2 = conv(channels, 3, 1, /*bias=*/false);
        layer.push_back(std::move(l));
    }
};

}  // namespace
}  // namespace rcnn

DV_COMPONENT(rcnn::CornetRt, "dynvision.model.cornet_rt", "Emulation of CORnet-RT: four areas one step apart");

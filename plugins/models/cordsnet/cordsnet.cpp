#include "preset.hpp"

namespace rcnn {
namespace {

using Kind = dv::temporal::Connection::Kind;

/// Emulation of CordsNet R8 (Soo et al. 2024): eight areas of rate units with weight-normalised convolutions, one step
/// apart.
struct Cordsnet final : NetworkModel {
    bool skip = true;

    static constexpr auto params = std::tuple_cat(
        std::tuple(setting<"n_timesteps">(100), setting<"dt">(), setting<"tau">(10.0), setting<"t_feedforward">(2.0),
                   setting<"t_recurrence">(2.0), setting<"t_skip">(2.0),
                   dv::p("skip", &Cordsnet::skip, true, "skips, each over one layer"), setting<"recurrence">(),
                   setting<"recurrence_target">(), setting<"solver">(), setting<"leak_state">(), setting<"train_tau">(),
                   setting<"tau_param">(), setting<"tau_min">(), setting<"allow_unstable">(),
                   setting<"max_weight_init">(), setting<"feedforward_only">(), setting<"non_feedforward_operations">(),
                   setting<"idle_timesteps">(100), setting<"shuffle_presentation_pattern">()),
        settings_of_runs());

    void expand() override {
        operations = {"addskip", "layer", "addbias", "pool", "nonlin", "tstep", "nonlin", "record", "delay"};
        start = Start::pytorch;
        bias = BiasSettings{};  // one per unit
        classifier.also = "layer7";
        classifier.weight_norm = true;
        add_input();
        for (const auto& [name, channels, stride] : {std::tuple{"layer1", 64, 1},
                                                     {"layer2", 64, 1},
                                                     {"layer3", 128, 2},
                                                     {"layer4", 128, 1},
                                                     {"layer5", 256, 2},
                                                     {"layer6", 256, 1},
                                                     {"layer7", 512, 2},
                                                     {"layer8", 512, 1}}) {
            add(name, channels, stride);
        }
        layer.back().t_feedforward = 0.0;
        if (skip) add_skips();
    }

private:
    void add_input() {
        LayerSettings l;
        l.name = "layer0";
        l.conv = conv(64, 7, 2, /*bias=*/false);
        l.weight_norm = true;
        l.pool = pool(dv::temporal::Pool::Kind::average, 3, 2, 1);
        l.nonlin = Nonlinearity::identity;
        l.bias = BiasSettings{.type = BiasSettings::Type::none};
        l.recurrent = l.relaxes = false;
        l.t_feedforward = 0.0;
        layer.push_back(std::move(l));
    }
    void add(const char* name, std::int64_t channels, std::int64_t stride) {
        LayerSettings l;
        l.name = name;
        l.conv = conv(channels, 3, stride, /*bias=*/false);
        l.weight_norm = true;
        layer.push_back(std::move(l));
    }
    void add_skips() {
        const auto direct = [&](const char* from, const char* to) {
            connection.push_back(rcnn::connection(Kind::skip, from, to));
        };
        const auto convolved = [&](const char* from, const char* to, std::int64_t kernel, std::int64_t stride) {
            direct(from, to);
            ConnectionSettings& c = connection.back();
            c.kernel = kernel;
            c.stride = stride;
            c.bias = false;
            c.weight_norm = c.force_conv = true;
        };
        convolved("layer0", "layer2", 3, 1);
        connection.back().delay = 0.0;
        direct("layer1", "layer3");
        convolved("layer2", "layer4", 1, 2);
        direct("layer3", "layer5");
        convolved("layer4", "layer6", 1, 2);
        direct("layer5", "layer7");
        convolved("layer6", "layer8", 1, 2);
    }
};

}  // namespace
}  // namespace rcnn

DV_COMPONENT(rcnn::Cordsnet, "dynvision.model.cordsnet",
             "Emulation of CordsNet R8: eight areas of rate units one step apart");

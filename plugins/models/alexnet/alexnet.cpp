#include "preset.hpp"

namespace rcnn {
namespace {

/// AlexNet (Krizhevsky 2014, one tower) over time: with recurrence and delays on request.
struct Alexnet final : NetworkModel {
    std::int64_t first_stride = 4;
    std::vector<std::int64_t> hidden;
    double dropout = 0.5;

    static constexpr auto params = std::tuple_cat(
        std::tuple(setting<"n_timesteps">(), setting<"dt">(1.0), setting<"t_feedforward">(),
                   setting<"t_recurrence">(0.0), setting<"recurrence">(dv::unset), setting<"recurrence_target">(),
                   setting<"max_weight_init">(),
                   dv::p("first_stride", &Alexnet::first_stride, 4,
                         "stride of the first convolution; smaller for frames of less than 63 x 63", dv::at_least{1}),
                   dv::p("hidden", &Alexnet::hidden, dv::list(4096, 4096), "widths of the classifier's hidden layers",
                         dv::at_least{1}),
                   dv::p("dropout", &Alexnet::dropout, 0.5,
                         "in training, probability that an input of a hidden layer is 0", dv::range{0, 0.99}),
                   setting<"feedforward_only">(), setting<"non_feedforward_operations">(), setting<"idle_timesteps">(),
                   setting<"shuffle_presentation_pattern">()),
        settings_of_runs());

    void expand() override {
        operations = {"layer", "nonlin", "record", "delay", "pool", "norm"};
        start = Start::pytorch;
        readout = Features::flatten;
        classifier.hidden = hidden;
        classifier.dropout = dropout;
        add("layer1", 64, 11, first_stride, 2, true);
        add("layer2", 192, 5, 1, 2, true);
        add("layer3", 384, 3, 1, 1, false);
        add("layer4", 256, 3, 1, 1, false);
        add("layer5", 256, 3, 1, 1, true);
        layer.back().norm = NormSettings{.type = NormSettings::Type::average_to, .size = 6};
    }

private:
    void add(const char* name, std::int64_t channels, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
             bool pooled) {
        LayerSettings l;
        l.name = name;
        l.conv = conv(channels, kernel, stride);
        l.conv.padding = padding;
        if (pooled) l.pool = pool(dv::temporal::Pool::Kind::max, 3, 2, 0);
        layer.push_back(std::move(l));
    }
};

}  // namespace
}  // namespace rcnn

DV_COMPONENT(rcnn::Alexnet, "dynvision.model.alexnet", "AlexNet over time");

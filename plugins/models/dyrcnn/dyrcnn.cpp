#include "preset.hpp"

namespace rcnn {
namespace {

using Kind = dv::temporal::Connection::Kind;

/// Whether there are connections of a kind, and how they join; yes is the same as add.
enum class Connected { no, yes, add, mul };
inline constexpr dv::choices kConnected("false", "true", "add", "mul");

/// DyRCNN networks: tables of layers, with skips forward and feedback back over one layer.
struct Dyrcnn : NetworkModel {
    Connected skip = Connected::yes, feedback = Connected::no;
    bool conv_bias = true;

    static constexpr auto params = std::tuple_cat(
        std::tuple(setting<"n_timesteps">(), setting<"dt">(), setting<"tau">(), setting<"t_feedforward">(),
                   setting<"t_recurrence">(), setting<"t_feedback">(30.0), setting<"t_skip">(0.0),
                   dv::p("skip", &Dyrcnn::skip, Connected::yes,
                         "skips h, each over one layer (x2: to the next); true, \"add\": x + h, \"mul\": x (1 + tanh h)",
                         kConnected),
                   dv::p("feedback", &Dyrcnn::feedback, Connected::no,
                         "feedback h, each over one layer (x2: from the second to the first), joined as skips are",
                         kConnected),
                   dv::p("conv_bias", &Dyrcnn::conv_bias, true, "convolutions add a trained constant per channel"),
                   setting<"recurrence">(), setting<"recurrence_target">(), setting<"solver">(),
                   setting<"leak_state">(), setting<"train_tau">(), setting<"tau_param">(), setting<"tau_min">(),
                   setting<"allow_unstable">(), setting<"max_weight_init">(), setting<"supralinearity">(),
                   setting<"supralinearity_gain">(), setting<"train_supralinearity">(), setting<"use_retina">(),
                   setting<"input_adaption_weight">(), setting<"feedforward_only">(),
                   setting<"non_feedforward_operations">(), setting<"idle_timesteps">(),
                   setting<"shuffle_presentation_pattern">(true)),
        settings_of_runs());

protected:
    struct Row {
        const char* name;
        ConvSettings conv;
        std::optional<ConvSettings> conv2;
        bool pooled;
    };
    struct Edge {
        const char *from, *to;
    };

    void add(const std::vector<Row>& rows) {
        operations = {"layer",  "addext",   "addskip", "addfeedback", "tstep",
                      "nonlin", "supralin", "record",  "delay",       "pool"};
        for (const Row& row : rows) {
            LayerSettings l;
            l.name = row.name;
            l.conv = row.conv;
            l.conv2 = row.conv2;
            l.conv.bias = conv_bias;
            if (l.conv2) l.conv2->bias = conv_bias;
            if (row.pooled) l.pool = pool(dv::temporal::Pool::Kind::max, 3, 2, 1);
            layer.push_back(std::move(l));
        }
    }
    void add(Kind kind, const std::vector<Edge>& edges) {
        const Connected how = kind == Kind::skip ? skip : feedback;
        if (how == Connected::no) return;
        using dv::temporal::Integration;
        for (const Edge& edge : edges) {
            connection.push_back(rcnn::connection(kind, edge.from, edge.to));
            connection.back().mode = how == Connected::mul ? Integration::multiplicative : Integration::additive;
        }
    }
};

struct DyrcnnX2 final : Dyrcnn {
    void expand() override {
        add({{"layer1", conv(36, 3, 1), {}, true}, {"layer2", conv(64, 3, 1), {}, false}});
        add(Kind::skip, {{"layer1", "layer2"}});
        add(Kind::feedback, {{"layer2", "layer1"}});
        if (is_dynvision_0_1() && train_tau) {
            warn("dynvision-0.1: train_tau has no effect in dyrcnn_x2");
            train_tau = false;
        }
    }
};

struct DyrcnnX4 final : Dyrcnn {
    void expand() override {
        add({{"V1", conv(36, 3, 1), {}, true},
             {"V2", conv(64, 3, 1), {}, true},
             {"V4", conv(121, 3, 1), {}, false},
             {"IT", conv(256, 3, 2), {}, false}});
        add(Kind::skip, {{"V1", "V4"}, {"V2", "IT"}});
        add(Kind::feedback, {{"V4", "V1"}, {"IT", "V2"}});
    }
};

struct DyrcnnX8 final : Dyrcnn {
    void expand() override {
        add({{"V1", conv(64, 5, 2), conv(64, 5, 1), true},
             {"V2", conv(144, 3, 2), conv(144, 3, 1), true},
             {"V4", conv(256, 3, 2), conv(256, 3, 1), false},
             {"IT", conv(529, 3, 2), conv(529, 3, 1), false}});
        add(Kind::skip, {{"V1", "V4"}, {"V2", "IT"}});
        add(Kind::feedback, {{"V4", "V1"}, {"IT", "V2"}});
    }
};

}  // namespace
}  // namespace rcnn

DV_COMPONENT(rcnn::DyrcnnX2, "dynvision.model.dyrcnn_x2", "DyRCNN of two layers");
DV_COMPONENT(rcnn::DyrcnnX4, "dynvision.model.dyrcnn_x4", "DyRCNN of four layers, V1 to IT, with one convolution each");
DV_COMPONENT(rcnn::DyrcnnX8, "dynvision.model.dyrcnn_x8",
             "DyRCNN of four layers, V1 to IT, with two convolutions each");

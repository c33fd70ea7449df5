#pragma once
/// What a manifest says of layers and of the connections between them.

#include "part_settings.hpp"

#include <dv/torch/recurrence.hpp>
#include <dv/torch/solver.hpp>

namespace rcnn {

inline constexpr dv::choices kTargets("output", "middle", "input");
inline constexpr dv::choices kIntegrations("additive", "multiplicative");
inline constexpr dv::choices kLeakStates("response", "membrane");

struct LayerSettings {
    std::string name;
    ConvSettings conv;
    std::optional<ConvSettings> conv2;
    bool weight_norm = false;
    std::optional<NormSettings> mid_norm;
    std::optional<PoolSettings> pool;
    std::optional<Nonlinearity> nonlin;
    std::optional<NormSettings> norm;
    std::optional<BiasSettings> bias;
    std::optional<GainSettings> gain;
    std::optional<AdaptationSettings> adaptation;
    bool recurrent = true;
    dv::Factory<dv::Recurrence> recurrence;
    std::optional<dv::temporal::RecurrenceTarget> target;
    dv::temporal::Integration integration = dv::temporal::Integration::additive;
    bool relaxes = true;
    dv::Factory<dv::Solver> solver;
    std::optional<dv::temporal::LeakState> leak_state;
    std::optional<double> tau, t_feedforward, t_recurrence;

    static constexpr auto params = dv::schema(
        dv::p("name", &LayerSettings::name, "", "name, the first part of its parameters' names", dv::required),
        dv::p("conv", &LayerSettings::conv, dv::table, "input convolution"),
        dv::p("conv2", &LayerSettings::conv2, dv::unset, "second convolution, after a ReLU"),
        dv::p("weight_norm", &LayerSettings::weight_norm, false,
              "convolutions and recurrence have weights g v / |v|, one g per output channel"),
        dv::p("mid_norm", &LayerSettings::mid_norm, dv::unset,
              "norm between the first convolution and the ReLU after it"),
        dv::p("pool", &LayerSettings::pool, dv::unset, "what the operation 'pool' does; unset: nothing"),
        dv::p("nonlin", &LayerSettings::nonlin, dv::unset, "what the operation 'nonlin' does; unset: the model's",
              kNonlinearities),
        dv::p("norm", &LayerSettings::norm, dv::unset, "what the operation 'norm' does; unset: the model's"),
        dv::p("bias", &LayerSettings::bias, dv::unset, "what the operation 'addbias' adds; unset: the model's"),
        dv::p("gain", &LayerSettings::gain, dv::unset, "what the operation 'gain' does; unset: the model's"),
        dv::p("adaptation", &LayerSettings::adaptation, dv::unset,
              "what the operation 'adapt' does; unset: the model's"),
        dv::p("recurrent", &LayerSettings::recurrent, true, "false: no recurrence, whatever the model has"),
        dv::p("recurrence", &LayerSettings::recurrence, dv::unset, "recurrent connection; unset: the model's"),
        dv::p("target", &LayerSettings::target, dv::unset,
              "where the recurrent drive joins: after the convolutions, between them or before; unset: the model's "
              "recurrence_target",
              kTargets),
        dv::p("integration", &LayerSettings::integration, dv::temporal::Integration::additive,
              "how the recurrent drive r joins x: x + r, or x (1 + tanh r)", kIntegrations),
        dv::p("relaxes", &LayerSettings::relaxes, true, "false: the operation 'tstep' is left out"),
        dv::p("solver", &LayerSettings::solver, dv::unset, "solver of the operation 'tstep'; unset: the model's"),
        dv::p("leak_state", &LayerSettings::leak_state, dv::unset, "what relaxes; unset: the model's", kLeakStates),
        dv::p("tau", &LayerSettings::tau, dv::unset, "time constant; unset: the model's", dv::above{0}, dv::unit{"ms"}),
        dv::p("t_feedforward", &LayerSettings::t_feedforward, dv::unset, "delay to the next layer; unset: the model's",
              dv::at_least{0}, dv::unit{"ms"}),
        dv::p("t_recurrence", &LayerSettings::t_recurrence, dv::unset, "delay of the recurrence; unset: the model's",
              dv::at_least{0}, dv::unit{"ms"}));
};

struct ConnectionSettings {
    dv::temporal::Connection::Kind kind = dv::temporal::Connection::Kind::skip;
    std::string from, to;
    std::optional<double> delay;
    dv::temporal::Integration mode = dv::temporal::Integration::additive;
    std::int64_t kernel = 1, stride = 1;
    bool bias = true, weight_norm = false, force_conv = false;

    static constexpr auto params = dv::schema(
        dv::p("kind", &ConnectionSettings::kind, dv::temporal::Connection::Kind::skip,
              "applied by the operation 'addskip' or 'addfeedback'", dv::choices("skip", "feedback"), dv::required),
        dv::p("from", &ConnectionSettings::from, "", "layer that is read", dv::required),
        dv::p("to", &ConnectionSettings::to, "", "layer that gets it", dv::required),
        dv::p("delay", &ConnectionSettings::delay, dv::unset, "delay; unset: the model's t_skip or t_feedback",
              dv::at_least{0}, dv::unit{"ms"}),
        dv::p("mode", &ConnectionSettings::mode, dv::temporal::Integration::additive,
              "how the source h joins x: x + h, or x (1 + tanh h)", kIntegrations),
        dv::p("kernel", &ConnectionSettings::kernel, 1, "side of the convolution's kernel", dv::at_least{1}),
        dv::p("stride", &ConnectionSettings::stride, 1, "stride of the convolution on the source's grid",
              dv::at_least{1}),
        dv::p("bias", &ConnectionSettings::bias, true, "the convolution adds a trained constant per channel"),
        dv::p("weight_norm", &ConnectionSettings::weight_norm, false, "the convolution has weights g v / |v|"),
        dv::p("force_conv", &ConnectionSettings::force_conv, false,
              "a convolution even where channels and grids are equal already"));
};

}  // namespace rcnn

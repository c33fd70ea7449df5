#pragma once
/// What a manifest says of an rcnn.

#include <dv/temporal/circuit.hpp>
#include <dv/torch/recurrence.hpp>
#include <dv/torch/solver.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rcnn {

struct ConvSettings {
    std::int64_t channels = 0, kernel = 3, stride = 1;
    std::optional<std::int64_t> padding;
    bool bias = true;

    static constexpr auto params =
        dv::schema(dv::p("channels", &ConvSettings::channels, 1, "output channels", dv::at_least{1}, dv::required),
                   dv::p("kernel", &ConvSettings::kernel, 3, "side of the kernel", dv::at_least{1}),
                   dv::p("stride", &ConvSettings::stride, 1, "stride", dv::at_least{1}),
                   dv::p("padding", &ConvSettings::padding, dv::unset, "zeros around the input; unset: kernel / 2",
                         dv::at_least{0}),
                   dv::p("bias", &ConvSettings::bias, true, "add a trained constant per channel"));
};

struct PoolSettings {
    dv::temporal::Pool::Kind type = dv::temporal::Pool::Kind::max;
    std::int64_t kernel = 2;
    std::optional<std::int64_t> stride;
    std::int64_t padding = 0;

    static constexpr auto params =
        dv::schema(dv::p("type", &PoolSettings::type, dv::temporal::Pool::Kind::max,
                         "largest or mean value of the window", dv::choices("max", "average")),
                   dv::p("kernel", &PoolSettings::kernel, 2, "side of the window", dv::at_least{1}),
                   dv::p("stride", &PoolSettings::stride, dv::unset, "stride; unset: the kernel", dv::at_least{1}),
                   dv::p("padding", &PoolSettings::padding, 0, "positions around the input", dv::at_least{0}));
};

inline constexpr dv::choices kTargets("output", "middle", "input");
inline constexpr dv::choices kIntegrations("additive", "multiplicative");

struct LayerSettings {
    std::string name;
    ConvSettings conv;
    std::optional<ConvSettings> conv2;
    std::optional<PoolSettings> pool;
    dv::Factory<dv::Recurrence> recurrence;
    std::optional<dv::temporal::RecurrenceTarget> target;
    dv::temporal::Integration integration = dv::temporal::Integration::additive;
    dv::Factory<dv::Solver> solver;
    std::optional<double> tau, t_feedforward, t_recurrence;

    static constexpr auto params = dv::schema(
        dv::p("name", &LayerSettings::name, "", "name, the first part of its parameters' names", dv::required),
        dv::p("conv", &LayerSettings::conv, dv::table, "input convolution"),
        dv::p("conv2", &LayerSettings::conv2, dv::unset, "second convolution, after a ReLU"),
        dv::p("pool", &LayerSettings::pool, dv::unset, "what the operation 'pool' does; unset: nothing"),
        dv::p("recurrence", &LayerSettings::recurrence, dv::unset, "recurrent connection; unset: the model's"),
        dv::p("target", &LayerSettings::target, dv::unset,
              "where the recurrent drive joins: after the convolutions, between them or before; unset: the model's "
              "recurrence_target",
              kTargets),
        dv::p("integration", &LayerSettings::integration, dv::temporal::Integration::additive,
              "how the recurrent drive r joins x: x + r, or x (1 + tanh r)", kIntegrations),
        dv::p("solver", &LayerSettings::solver, dv::unset, "solver of the operation 'tstep'; unset: the model's"),
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
    bool force_conv = false;

    static constexpr auto params = dv::schema(
        dv::p("kind", &ConnectionSettings::kind, dv::temporal::Connection::Kind::skip,
              "applied by the operation 'addskip' or 'addfeedback'", dv::choices("skip", "feedback"), dv::required),
        dv::p("from", &ConnectionSettings::from, "", "layer that is read", dv::required),
        dv::p("to", &ConnectionSettings::to, "", "layer that gets it", dv::required),
        dv::p("delay", &ConnectionSettings::delay, dv::unset, "delay; unset: the model's t_skip or t_feedback",
              dv::at_least{0}, dv::unit{"ms"}),
        dv::p("mode", &ConnectionSettings::mode, dv::temporal::Integration::additive,
              "how the source h joins x: x + h, or x (1 + tanh h)", kIntegrations),
        dv::p("force_conv", &ConnectionSettings::force_conv, false,
              "1x1 convolution even where the channels are equal"));
};

/// From the last layer's grid to features.
enum class Features { average, flatten };

/// What a layer may do in a step; addext and norm stand for parts that this model does not have yet and do nothing.
inline constexpr dv::choices kOperations("layer", "addskip", "addfeedback", "tstep", "nonlin", "supralin", "record",
                                         "delay", "pool", "addext", "norm");

struct Settings {
    std::int64_t n_timesteps = 1;
    double dt = 2.0, tau = 5.0, t_feedforward = 0.0, t_recurrence = 6.0;
    std::optional<double> t_feedback, t_skip;
    std::vector<std::string> operations;
    dv::Factory<dv::Recurrence> recurrence;
    dv::temporal::RecurrenceTarget recurrence_target = dv::temporal::RecurrenceTarget::output;
    dv::Factory<dv::Solver> solver;
    bool train_tau = false, allow_unstable = false;
    double max_weight_init = 0.001, supralinearity = 1.0;
    Features readout = Features::average;
    bool feedforward_only = false;
    std::int64_t truncated_bptt_timesteps = 0, idle_timesteps = 0;
    std::optional<std::int64_t> residual_timesteps;
    std::vector<std::int64_t> data_presentation_pattern;
    bool shuffle_presentation_pattern = false;
    double loss_reaction_time = 0.0;
    std::int64_t non_label_index = -1;
    double non_input_value = 0.0;
    std::vector<LayerSettings> layer;
    std::vector<ConnectionSettings> connection;

    static constexpr auto params = dv::schema(
        dv::p("n_timesteps", &Settings::n_timesteps, 1,
              "steps that a still image is shown; data with frames brings its own", dv::at_least{1}),
        dv::p("dt", &Settings::dt, 2.0, "length of a step", dv::above{0}, dv::unit{"ms"}),
        dv::p("tau", &Settings::tau, 5.0, "time constant of every layer that has none", dv::above{0}, dv::unit{"ms"}),
        dv::p("t_feedforward", &Settings::t_feedforward, 0.0, "delay from layer to layer", dv::at_least{0},
              dv::unit{"ms"}),
        dv::p("t_recurrence", &Settings::t_recurrence, 6.0, "delay of a layer's recurrence, one step at least",
              dv::at_least{0}, dv::unit{"ms"}),
        dv::p("t_feedback", &Settings::t_feedback, dv::unset,
              "delay of feedback, one step at least; unset: t_feedforward", dv::at_least{0}, dv::unit{"ms"}),
        dv::p("t_skip", &Settings::t_skip, dv::unset, "delay of skips; unset: t_feedback", dv::at_least{0},
              dv::unit{"ms"}),
        dv::p("operations", &Settings::operations,
              dv::list("layer", "addskip", "addfeedback", "tstep", "nonlin", "supralin", "record", "delay", "pool"),
              "what every layer does in a step, in order", kOperations),
        dv::p("recurrence", &Settings::recurrence, "full", "recurrent connection of every layer that has none"),
        dv::p("recurrence_target", &Settings::recurrence_target, dv::temporal::RecurrenceTarget::output,
              "where the recurrent drive joins: after the convolutions, between them or before", kTargets),
        dv::p("solver", &Settings::solver, "euler", "solver of every layer that has none"),
        dv::p("train_tau", &Settings::train_tau, false, "train the time constants"),
        dv::p("allow_unstable", &Settings::allow_unstable, false, "accept dt / tau beyond the solver's limit"),
        dv::p("max_weight_init", &Settings::max_weight_init, 0.001, "recurrent weights start uniform in +- this",
              dv::at_least{0}),
        dv::p("supralinearity", &Settings::supralinearity, 1.0,
              "exponent n of the operation 'supralin', 0.8 sign(x) abs(x)^n; 1: the operation is left out", dv::above{0}),
        dv::p("readout", &Settings::readout, Features::average,
              "features of the classifier: mean of each channel, or all units", dv::choices("average", "flatten")),
        dv::p("feedforward_only", &Settings::feedforward_only, false, "leave out recurrence, skips and feedback"),
        dv::p("truncated_bptt_timesteps", &Settings::truncated_bptt_timesteps, 0,
              "cut the gradient through time after every so many steps; 0: never", dv::at_least{0}),
        dv::p("idle_timesteps", &Settings::idle_timesteps, 0, "blank steps before the first one, without output",
              dv::at_least{0}),
        dv::p("residual_timesteps", &Settings::residual_timesteps, dv::unset,
              "steps from input to answer, for which the answer is awaited after the input; unset: from the delays",
              dv::at_least{0}),
        dv::p("data_presentation_pattern", &Settings::data_presentation_pattern, dv::list(1),
              "1: shown, 0: blank; stretched over the steps", dv::range{0, 1}),
        dv::p("shuffle_presentation_pattern", &Settings::shuffle_presentation_pattern, false,
              "in training, another order of the pattern for each batch"),
        dv::p("loss_reaction_time", &Settings::loss_reaction_time, 0.0, "steps after each onset that are not scored",
              dv::at_least{0}, dv::unit{"ms"}),
        dv::p("non_label_index", &Settings::non_label_index, -1, "label of a step that is not scored", dv::below{0}),
        dv::p("non_input_value", &Settings::non_input_value, 0.0, "value of a blank frame"),
        dv::p("layer", &Settings::layer, dv::empty, "the layers, from input to readout"),
        dv::p("connection", &Settings::connection, dv::empty, "skips and feedback between layers"));
};

}  // namespace rcnn

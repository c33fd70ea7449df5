#pragma once
/// What a manifest says of a network: an rcnn's own table, and what presets expand to.

#include "layer_settings.hpp"

namespace rcnn {

/// How a network computes what an older program computed differently.
enum class Compat { none, dynvision_0_1 };
enum class DelayPolicy { warn, strict, interpolate };
/// What a delayed signal is before its source has stored anything.
enum class History { absent, zero, constant, steady };
/// How a trained time constant follows from its parameter.
enum class TauParameter { raw, softplus };
/// How convolutions and classifier start.
enum class Start { kaiming, pytorch };
/// From the last layer's grid to features.
enum class Features { average, flatten };

/// What a layer may do in a step; addext stands for a part that this model does not have and does nothing.
inline constexpr dv::choices kOperations("layer", "addskip", "addfeedback", "addbias", "tstep", "nonlin", "supralin",
                                         "norm", "adapt", "gain", "record", "delay", "pool", "skipzeros", "addext");

/// Those that absent input may skip: a list that stores and records sees every step.
inline constexpr dv::choices kSkippable("layer", "addskip", "addfeedback", "addbias", "tstep", "nonlin", "supralin",
                                        "norm", "adapt", "gain", "pool");
/// Those that a network may be without.
inline constexpr dv::choices kDispensable("addskip", "addfeedback", "addbias", "tstep", "nonlin", "supralin", "norm",
                                          "adapt", "gain", "pool", "skipzeros");

struct ClassifierSettings {
    std::vector<std::int64_t> hidden;
    double dropout = 0.0;
    bool weight_norm = false;
    std::string also;

    static constexpr auto params = dv::schema(
        dv::p("hidden", &ClassifierSettings::hidden, dv::empty, "widths of hidden layers, each with a ReLU",
              dv::at_least{1}),
        dv::p("dropout", &ClassifierSettings::dropout, 0.0,
              "in training, probability that an input of a hidden layer (without any: of the classifier) is 0",
              dv::range{0, 0.99}),
        dv::p("weight_norm", &ClassifierSettings::weight_norm, false, "the last layer has weights g v / |v|"),
        dv::p("also", &ClassifierSettings::also, "",
              "layer whose newest activity is added to the last layer's output"));
};

struct Settings {
    std::int64_t n_timesteps = 1;
    double dt = 2.0, tau = 5.0, t_feedforward = 0.0, t_recurrence = 6.0;
    std::optional<double> t_feedback, t_skip;
    DelayPolicy delay_policy = DelayPolicy::warn;
    std::optional<dv::temporal::UpdateOrder> update_order;
    dv::temporal::HistoryInterpolation history_interpolation = dv::temporal::HistoryInterpolation::by_order;
    History history = History::absent;
    std::vector<std::string> operations, operations_skipped_on_absent_input, non_feedforward_operations;
    dv::Factory<dv::Recurrence> recurrence;
    dv::temporal::RecurrenceTarget recurrence_target = dv::temporal::RecurrenceTarget::output;
    dv::Factory<dv::Solver> solver;
    dv::temporal::LeakState leak_state = dv::temporal::LeakState::response;
    bool train_tau = false, allow_unstable = false;
    TauParameter tau_param = TauParameter::raw;
    std::optional<double> tau_min;
    Start start = Start::kaiming;
    double max_weight_init = 0.001;
    Nonlinearity nonlin = Nonlinearity::relu;
    double supralinearity = 1.0, supralinearity_gain = 0.8;
    bool train_supralinearity = false;
    std::optional<NormSettings> norm;
    std::optional<BiasSettings> bias;
    std::optional<GainSettings> gain;
    std::optional<AdaptationSettings> adaptation;
    bool use_retina = false;
    double input_adaption_weight = 0.0;
    std::optional<std::int64_t> input_channels;
    bool expand_channels = false;
    Features readout = Features::average;
    ClassifierSettings classifier;
    bool feedforward_only = false;
    std::int64_t truncated_bptt_timesteps = 0, checkpoint_segments = 0, idle_timesteps = 0;
    std::optional<std::int64_t> residual_timesteps;
    std::vector<std::int64_t> data_presentation_pattern;
    std::string pattern;
    bool shuffle_presentation_pattern = false;
    double loss_reaction_time = 0.0;
    std::int64_t non_label_index = -1;
    double non_input_value = 0.0;
    bool stability_check = false;
    Compat compat = Compat::none;
    std::vector<LayerSettings> layer;
    std::vector<ConnectionSettings> connection;

    /// Of presets: the weight of a recurrence w h in layers for which no recurrence is chosen.
    std::optional<double> fixed_self_weight;

    bool is_dynvision_0_1() const { return compat == Compat::dynvision_0_1; }

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
        dv::p("delay_policy", &Settings::delay_policy, DelayPolicy::warn,
              "a delay that dt does not divide: rounded with a warning, refused, or read between steps (by "
              "solvers with stages)",
              dv::choices("warn", "strict", "interpolate")),
        dv::p("update_order", &Settings::update_order, dv::unset,
              "sequential: layers see what earlier ones did in this step; synchronous: all advance from the "
              "values before it, every lag one more; unset: sequential, or synchronous for solvers with stages",
              dv::choices("sequential", "synchronous")),
        dv::p("history_interpolation", &Settings::history_interpolation, dv::temporal::HistoryInterpolation::by_order,
              "how solvers with stages read a delayed signal between steps; by_order: as the solver's order "
              "needs",
              dv::choices("by_order", "hold", "linear", "polynomial")),
        dv::p("history", &Settings::history, History::absent,
              "what a delayed signal is before its source has stored anything: not there, zeros, the first "
              "value stored, or what blank frames settle to",
              dv::choices("absent", "zero", "constant", "steady")),
        dv::p("operations", &Settings::operations,
              dv::list("layer", "addskip", "addfeedback", "tstep", "nonlin", "supralin", "record", "delay", "pool"),
              "what every layer does in a step, in order", kOperations),
        dv::p("operations_skipped_on_absent_input", &Settings::operations_skipped_on_absent_input,
              dv::list("nonlin", "supralin", "pool", "norm"),
              "operations that leave a signal absent that has not arrived yet; those of the default do so in any case, "
              "'layer', 'tstep', 'addskip', 'addfeedback' and 'addbias' else go on from what has arrived elsewhere",
              kSkippable),
        dv::p("recurrence", &Settings::recurrence, "full", "recurrent connection of every layer that has none"),
        dv::p("recurrence_target", &Settings::recurrence_target, dv::temporal::RecurrenceTarget::output,
              "where the recurrent drive joins: after the convolutions, between them or before", kTargets),
        dv::p("solver", &Settings::solver, "euler", "solver of every layer that has none"),
        dv::p("leak_state", &Settings::leak_state, dv::temporal::LeakState::response,
              "what relaxes in 'tstep': the stored response, or the solver's own previous result", kLeakStates),
        dv::p("train_tau", &Settings::train_tau, false, "train the time constants"),
        dv::p("tau_param", &Settings::tau_param, TauParameter::raw,
              "raw: the parameter is the time constant; softplus: it is tau_min + ln(1 + e^theta)",
              dv::choices("raw", "softplus")),
        dv::p("tau_min", &Settings::tau_min, dv::unset, "softplus: smallest time constant; unset: dt / 2", dv::above{0},
              dv::unit{"ms"}),
        dv::p("allow_unstable", &Settings::allow_unstable, false, "accept dt / tau beyond the solver's limit"),
        dv::p("start", &Settings::start, Start::kaiming,
              "how convolutions and classifier start: Kaiming normal and normal 0.004 with biases 0, or "
              "uniform in +- 1 / sqrt(fan in) with the biases",
              dv::choices("kaiming", "pytorch")),
        dv::p("max_weight_init", &Settings::max_weight_init, 0.001, "recurrent weights start uniform in +- this",
              dv::at_least{0}),
        dv::p("nonlin", &Settings::nonlin, Nonlinearity::relu, "what the operation 'nonlin' does", kNonlinearities),
        dv::p("supralinearity", &Settings::supralinearity, 1.0,
              "exponent n of the operation 'supralin', k sign(x) abs(x)^n; 1: the operation is left out", dv::above{0}),
        dv::p("supralinearity_gain", &Settings::supralinearity_gain, 0.8, "factor k of the operation 'supralin'",
              dv::above{0}),
        dv::p("train_supralinearity", &Settings::train_supralinearity, false, "train k and n"),
        dv::p("norm", &Settings::norm, dv::unset,
              "what the operation 'norm' does in every layer that has none; unset: nothing"),
        dv::p("bias", &Settings::bias, dv::unset,
              "what the operation 'addbias' adds in every layer that has none; unset: nothing"),
        dv::p("gain", &Settings::gain, dv::unset,
              "what the operation 'gain' does in every layer that has none: feature-similarity gain; unset: "
              "nothing"),
        dv::p("adaptation", &Settings::adaptation, dv::unset,
              "what the operation 'adapt' does in every layer that has none; unset: nothing"),
        dv::p("use_retina", &Settings::use_retina, false,
              "two convolutions, 36 and 18 channels with 9 x 9 kernels and a ReLU between, before the first "
              "layer"),
        dv::p("input_adaption_weight", &Settings::input_adaption_weight, 0.0,
              "w of y(t) = x(t) + w y(t-1), which the network sees instead of the frames x; 0: the frames",
              dv::above{-1}, dv::below{1}),
        dv::p("input_channels", &Settings::input_channels, dv::unset,
              "channels that the network is made for; unset: the data's", dv::at_least{1}),
        dv::p("expand_channels", &Settings::expand_channels, false,
              "data with other channels than input_channels: one is repeated, fewer are followed by zeros, "
              "more are cut"),
        dv::p("readout", &Settings::readout, Features::average,
              "features of the classifier: mean of each channel, or all units", dv::choices("average", "flatten")),
        dv::p("classifier", &Settings::classifier, dv::table, "from the features to the classes"),
        dv::p("feedforward_only", &Settings::feedforward_only, false,
              "leave out recurrence and the non_feedforward_operations"),
        dv::p("non_feedforward_operations", &Settings::non_feedforward_operations, dv::list("addfeedback", "addskip"),
              "operations that feedforward_only leaves out, and the connections that they apply with them",
              kDispensable),
        dv::p("truncated_bptt_timesteps", &Settings::truncated_bptt_timesteps, 0,
              "cut the gradient through time after every so many steps; 0: never", dv::at_least{0}),
        dv::p("checkpoint_segments", &Settings::checkpoint_segments, 0,
              "cut time into so many segments whose activity the gradient computes again: less memory, more work; 0: keep all",
              dv::at_least{0}),
        dv::p("idle_timesteps", &Settings::idle_timesteps, 0, "blank steps before the first one, without output",
              dv::at_least{0}),
        dv::p("residual_timesteps", &Settings::residual_timesteps, dv::unset,
              "steps from input to answer, for which the answer is awaited after the input; unset: from the "
              "delays",
              dv::at_least{0}),
        dv::p("data_presentation_pattern", &Settings::data_presentation_pattern, dv::list(1),
              "1: shown, 0: blank; stretched over the steps", dv::range{0, 1}),
        dv::p("pattern", &Settings::pattern, "", "data_presentation_pattern as a text of digits, \"1011\""),
        dv::p("shuffle_presentation_pattern", &Settings::shuffle_presentation_pattern, false,
              "in training, another order of the pattern for each batch"),
        dv::p("loss_reaction_time", &Settings::loss_reaction_time, 0.0, "steps after each onset that are not scored",
              dv::at_least{0}, dv::unit{"ms"}),
        dv::p("non_label_index", &Settings::non_label_index, -1, "label of a step that is not scored", dv::below{0}),
        dv::p("non_input_value", &Settings::non_input_value, 0.0, "value of a blank frame"),
        dv::p("stability_check", &Settings::stability_check, false,
              "stop at the first NaN or infinite response, with layer, step and sample"),
        dv::p("compat", &Settings::compat, Compat::none,
              "dynvision-0.1: compute what DynVision 0.1.0 computed, where that was a mistake too",
              dv::choices("none", "dynvision-0.1")),
        dv::p("layer", &Settings::layer, dv::empty, "the layers, from input to readout"),
        dv::p("connection", &Settings::connection, dv::empty, "skips and feedback between layers"));
};

}  // namespace rcnn

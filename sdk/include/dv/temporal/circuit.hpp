#pragma once
/// A network with time in it, as data: what is computed at each step and which past values it reads. How time is walked is the
/// executor's business (run.hpp); nothing here depends on it.
///
/// A model builds a Circuit once, from its parameters. Tensors in it are handles: moving or updating a parameter in place is seen
/// here. A circuit is immutable afterwards and may be run from one thread at a time.
///
/// Signals are tensors [batch, channel, y, x]. An undefined tensor is an *absent* signal: nothing has arrived yet on that path,
/// which is not the same as zeros (an absent additive input adds nothing, not even its bias).

#include <dv/temporal/delay.hpp>
#include <dv/torch/recurrence.hpp>
#include <dv/torch/solver.hpp>

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace dv::temporal {

/// Channels and grid of a layer's activity.
struct Grid {
    std::int64_t channels = 0, height = 0, width = 0;
    std::int64_t units() const { return channels * height * width; }
    bool operator==(const Grid&) const = default;
};

// ---- Pointwise and spatial maps an operation may apply -------------------------------------------------------------------

struct Convolution {
    at::Tensor weight;  ///< [out, in / groups, ky, kx]
    at::Tensor bias;    ///< [out] or undefined
    std::int64_t stride = 1, padding = 0, groups = 1;
    at::Tensor scale{};  ///< of a normalised weight, which its owner makes anew before each run: counted as parameters
};
struct Pool {
    enum class Kind { max, average };
    Kind kind = Kind::max;
    std::int64_t kernel = 2, stride = 2, padding = 0;
};
struct Relu {};
/// gain · sign(x) · max(|x|, 1e-6)^exponent, |x| clamped to 1e6; 0 at 0 (DynVision's SupraLinearity). No gradient below 1e-6.
struct SupraLinear {
    double gain = 0.8, exponent = 1.8;
    at::Tensor gain_tensor{}, exponent_tensor{};  ///< 0-dim parameters; when defined, these are used instead
};
/// x + value. An absent signal becomes the value itself, with a batch of one.
struct Bias {
    at::Tensor value;           ///< [channel, y, x], [channel, 1, 1] or 0-dim
    bool needs_signal = false;  ///< an absent signal makes run() throw Error instead
};
/// Anything else. Stateless and differentiable; each sample is mapped by itself, so that steps may be put side by side in a
/// batch.
struct Custom {
    std::function<at::Tensor(const at::Tensor&)> apply;
    std::function<Grid(const Grid&)> grid;  ///< empty: the grid stays
    std::string equation;
};
using Map = std::variant<Convolution, Pool, Relu, SupraLinear, Bias, Custom>;

/// Not `apply`: for a variant, std::apply would be found too.
at::Tensor applied(const Map& map, const at::Tensor& x);
/// The grid that `map` makes of `in`. Throws Error when nothing would be left ("kernel 5 on 3 x 3").
Grid grid_after(const Map& map, const Grid& in);
/// Multiply-adds of one application on `in`, for one sample.
std::int64_t multiply_adds(const Map& map, const Grid& in);

// ---- Layers ----------------------------------------------------------------------------------------------------------------

/// How an input joins what is there: x + y, or x·(1 + tanh y).
enum class Integration { additive, multiplicative };

/// A path's delay in milliseconds, which only circuits that advance by stages read: theirs need not be whole steps. This one
/// stands for what its lag says in synchronous order, (lag − 1)·dt, and 0 for a lag of 0.
inline constexpr double kDelayOfLag = std::numeric_limits<double>::quiet_NaN();

/// A layer's input path: one convolution, or two with maps between them (and a ReLU before the second).
struct FeedForward {
    Convolution first;
    std::vector<Map> middle;
    std::optional<Convolution> second;
};

using dv::RecurrenceTarget;

struct RecurrentPath {
    std::shared_ptr<const Recurrence> map;
    RecurrenceTarget target = RecurrenceTarget::output;
    Integration integration = Integration::additive;
    std::int64_t lag = 1;  ///< steps back in the layer's own stored activity; ≥ 1
    double delay = kDelayOfLag;  ///< [ms]
};

/// A path from another layer's stored activity.
struct Connection {
    enum class Kind { skip, feedback };
    Kind kind = Kind::skip;
    std::size_t source = 0;  ///< index of the layer read
    std::size_t target = 0;  ///< index of the layer written
    std::int64_t lag = 0;    ///< steps back in the source's activity; ≥ 1 when the source stores after it is read
    Integration integration = Integration::additive;
    std::optional<Convolution> transform;  ///< applied after resizing; gives the target's channels and grid
    Grid resized;                          ///< what `transform` gets: the source on the target's grid (nearest neighbour), or as it is
    double delay = kDelayOfLag;            ///< [ms]
};

/// One entry of a layer's ordered list.
struct Operation {
    enum class Kind {
        layer,     ///< the input path with its recurrence
        skip,      ///< adds all skip connections into this layer
        feedback,  ///< adds all feedback connections into this layer
        step,      ///< the solver, from the layer's newest stored activity
        map,       ///< `map`; skipped when the signal is absent, but for a Bias
        adapt,     ///< the layer's intrinsic adaptation: what it stored before pushes against the signal
        record,    ///< hands the signal to the recorder: it is the layer's response
        delay,     ///< stores the signal; passes on what was stored `feedforward_lag` steps ago
        rest       ///< what has not arrived yet, or is all zeros, is passed on as absent, and then the next layer's stored
                   ///< activity becomes zeros on the grid of its middle (CORnet-RT: areas without input run on a zero state)
    };
    Kind kind = Kind::layer;
    std::string name;        ///< as the manifest lists it: "nonlin", "pool", ...
    std::optional<Map> map;  ///< for Kind::map
    bool skipped_on_absent_input = false;  ///< an absent signal stays absent, whatever else would join it; not for what stores or rests
};

/// Activity pushes against itself: x − beta·s, or x / (1 + beta·s); then s ← alpha·s + (1 − alpha)·(what the layer stores).
/// s starts at 0. Source: Vinken, Boix & Kreiman (2020), doi:10.1126/sciadv.abd4205.
struct Adaptation {
    at::Tensor alpha, beta;  ///< 0-dim or [channel, 1, 1]
    bool divisive = false;
};

/// What relaxes in a layer's step.
enum class LeakState {
    response,  ///< the newest stored activity, after the nonlinearity (DynVision)
    membrane   ///< the solver's own previous result, before later operations; others still read what is stored
};

struct Layer {
    std::string name;
    FeedForward feedforward;
    std::optional<RecurrentPath> recurrence;
    std::shared_ptr<const Solver> solver;  ///< null: no Operation::Kind::step
    TimeStep time;
    LeakState leak = LeakState::response;
    std::optional<Adaptation> adaptation;  ///< for Operation::Kind::adapt
    std::int64_t feedforward_lag = 0;
    double feedforward_delay = kDelayOfLag;  ///< [ms]
    std::vector<Operation> operations;
    Grid stored;  ///< of the activity that the delay operation stores
    Grid output;  ///< of what the next layer gets
};

/// From the last layer's signal to class scores.
struct Readout {
    std::function<at::Tensor(const at::Tensor&)> apply;  ///< [batch, channel, y, x] → [batch, class]
    std::int64_t n_classes = 0;
    std::string equation;
    std::int64_t n_parameters = 0, multiply_adds = 0;  ///< of one application, for one sample; only told
};

/// The grid of the signal that each operation of `layer` gets when the layer gets `in`, and at last of what it passes on: one
/// more than there are operations. Throws Error as grid_after() does.
std::vector<Grid> grids(const Layer& layer, const Grid& in);

/// Adaptation of the input itself, before anything else sees it: y[t] = x[t] + weight·y[t − 1], y[−1] = 0, idle steps included.
struct InputAdaptation {
    double weight = 0.0;       ///< 0: none
    bool first_only = false;   ///< y[0] = x[0], then y[t] = weight·y[t − 1]: what DynVision 0.1.0 does
};

/// How a delayed signal is read between steps, by circuits that advance by stages: the newest earlier value, a straight line, or
/// a polynomial as good as the solver (cubic Hermite, or the method's own dense output). By default what the solver's order
/// needs: hold for order 1, linear for 2, polynomial above.
enum class HistoryInterpolation { by_order, hold, linear, polynomial };

struct Circuit {
    std::vector<Layer> layers;
    std::vector<Connection> connections;
    Readout readout;
    Grid input;              ///< of a frame
    InputAdaptation input_adaptation;
    std::vector<Map> front;  ///< what every frame passes before the first layer (a retina); stateless
    double dt = 1.0;  ///< [ms]
    /// Synchronous: all layers advance from the values at the start of the step, so lags are delay + 1; what a solver with a
    /// tableau needs (run.hpp). Lags say it already; this says what was meant by them.
    UpdateOrder update_order = UpdateOrder::sequential;
    HistoryInterpolation interpolation = HistoryInterpolation::by_order;
    /// Of a circuit that draws random numbers from other than LibTorch's own generators (the readout's dropout): returns what
    /// later puts its draws back to where they stand now. Steps that are walked twice draw the same numbers then.
    std::function<std::function<void()>()> bookmark_draws = {};

    /// The grid that layer `l` gets: the input's behind `front`, or what the layer before passes on.
    Grid input_of(std::size_t l) const;

    /// How many past entries layer `l` has to keep so that every reader finds what it reads; at least 1 where a solver is.
    std::int64_t history_length(std::size_t l) const;
    /// The first step at which the readout gets a signal when an input is shown at every step, skips and feedback left out.
    /// Throws Error when it takes more than 100 steps.
    std::int64_t residual_timesteps() const;
};

/// Checks that lags, indices, grids and channels fit together. Throws Error naming layer and operation.
void validate(const Circuit& circuit);

/// Layers, grids, equations with numbers, delays in steps and multiply-adds per step, as a few lines of text.
std::string describe(const Circuit& circuit, std::int64_t n_timesteps);

}  // namespace dv::temporal

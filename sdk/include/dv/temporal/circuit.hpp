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
};
struct Pool {
    enum class Kind { max, average };
    Kind kind = Kind::max;
    std::int64_t kernel = 2, stride = 2, padding = 0;
};
struct Relu {};
/// gain · sign(x) · max(|x|, 1e-6)^exponent, |x| clamped to 1e6; 0 at 0 (DynVision's SupraLinearity).
struct SupraLinear {
    double gain = 0.8, exponent = 1.8;
};
/// Anything else. Stateless and differentiable.
struct Custom {
    std::function<at::Tensor(const at::Tensor&)> apply;
    std::function<Grid(const Grid&)> grid;  ///< empty: the grid stays
    std::string equation;
};
using Map = std::variant<Convolution, Pool, Relu, SupraLinear, Custom>;

/// Not `apply`: for a variant, std::apply would be found too.
at::Tensor applied(const Map& map, const at::Tensor& x);
/// The grid that `map` makes of `in`. Throws Error when nothing would be left ("kernel 5 on 3 x 3").
Grid grid_after(const Map& map, const Grid& in);
/// Multiply-adds of one application on `in`, for one sample.
std::int64_t multiply_adds(const Map& map, const Grid& in);

// ---- Layers ----------------------------------------------------------------------------------------------------------------

/// How an input joins what is there: x + y, or x·(1 + tanh y).
enum class Integration { additive, multiplicative };

/// A layer's input path: one convolution, or two with maps between them (and a ReLU before the second).
struct FeedForward {
    Convolution first;
    std::vector<Map> middle;
    std::optional<Convolution> second;
};

/// Where a layer's recurrent drive joins its input path.
enum class RecurrenceTarget { output, middle, input };

struct RecurrentPath {
    std::shared_ptr<const Recurrence> map;
    RecurrenceTarget target = RecurrenceTarget::output;
    Integration integration = Integration::additive;
    std::int64_t lag = 1;  ///< steps back in the layer's own stored activity; ≥ 1
};

/// A path from another layer's stored activity.
struct Connection {
    enum class Kind { skip, feedback };
    Kind kind = Kind::skip;
    std::size_t source = 0;  ///< index of the layer read
    std::size_t target = 0;  ///< index of the layer written
    std::int64_t lag = 0;    ///< steps back in the source's activity; ≥ 1 when the source stores after it is read
    Integration integration = Integration::additive;
    std::optional<Convolution> transform;  ///< 1×1, when channels differ; applied after resizing
    Grid resized;                          ///< the source on the target's grid (nearest neighbour), before `transform`
};

/// One entry of a layer's ordered list.
struct Operation {
    enum class Kind {
        layer,     ///< the input path with its recurrence
        skip,      ///< adds all skip connections into this layer
        feedback,  ///< adds all feedback connections into this layer
        step,      ///< the solver, from the layer's newest stored activity
        map,       ///< `map`; skipped when the signal is absent
        record,    ///< hands the signal to the recorder: it is the layer's response
        delay      ///< stores the signal; passes on what was stored `feedforward_lag` steps ago
    };
    Kind kind = Kind::layer;
    std::string name;        ///< as the manifest lists it: "nonlin", "pool", ...
    std::optional<Map> map;  ///< for Kind::map
};

struct Layer {
    std::string name;
    FeedForward feedforward;
    std::optional<RecurrentPath> recurrence;
    std::shared_ptr<const Solver> solver;  ///< null: no Operation::Kind::step
    TimeStep time;
    std::int64_t feedforward_lag = 0;
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

struct Circuit {
    std::vector<Layer> layers;
    std::vector<Connection> connections;
    Readout readout;
    Grid input;
    double dt = 1.0;  ///< [ms]

    /// The grid that layer `l` gets: the input's, or what the layer before passes on.
    Grid input_of(std::size_t l) const { return l == 0 ? input : layers[l - 1].output; }

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

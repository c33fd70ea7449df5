#pragma once
/// Runs a circuit over a sequence.

#include <dv/temporal/circuit.hpp>
#include <dv/temporal/recorder.hpp>
#include <dv/temporal/sequence.hpp>
#include <dv/temporal/state.hpp>

namespace dv::temporal {

/// A signal over time, as part of the autograd graph.
struct Signal {
    at::Tensor values;       ///< [batch, time, channel, y, x] from step `first` on; undefined if it never arrived
    std::int64_t first = 0;  ///< before it the signal is absent
};

/// The outputs and the state after the last step.
struct Trajectory {
    at::Tensor outputs;  ///< [batch, time, class]; zeros where the readout had no signal
    State state;
    std::vector<Signal> probed;  ///< one per probe, in their order
};

/// How time is walked. Every plan gives the same values and gradients (up to rounding).
enum class Plan {
    reference,  ///< all layers of one step, then the next step
    fast        ///< a layer's whole sequence at once, as far as delays allow (docs/temporal_engine.md)
};

/// A signal that the caller wants with its gradient: what an operation of a layer gives.
struct Probe {
    std::size_t layer = 0;
    std::size_t operation = 0;  ///< index in Layer::operations
};

struct RunOptions {
    Plan plan = Plan::fast;
    Recorder* recorder = nullptr;
    std::vector<Probe> probes = {};
    std::int64_t truncated_bptt_timesteps = 0;  ///< > 0: stored activity is cut from the graph after every so many steps
    /// > 1: time is cut into so many segments, and of all but the last only the state at its beginning is kept for the
    /// gradient, which walks them again. The same values and gradients for less memory and about a third more work.
    std::int64_t checkpoint_segments = 0;
};

/// Runs `sequence` from `state`. Idle steps first (blank, no gradient, no output), then every step of the schedule. One step:
///
///   for each layer, for each of its operations in order:
///     layer     x ← input path(x), joined by recurrence(stored[t − lag])
///     skip      x ← x joined by each skip source's stored activity at its lag
///     feedback  the same for feedback sources
///     step      x ← solver(newest stored, x); an absent drive counts as 0 once there is a state
///     map       x ← map(x), unless x is absent
///     record    the layer's response is x
///     delay     y ← stored[t − feedforward lag] (x itself for lag 0); store x; x ← y
///   output ← readout(x), zeros if x is absent
///
/// "stored[t − k]" is what the layer stored k steps ago. A layer is read before it stores by itself and by later layers'
/// feedback targets, after it stores by later layers' skips. Source: DynVision 0.1.0 (dd24be4), which raises
/// an error where a state is there and the drive is absent.
///
/// A circuit whose solvers have a tableau (or that asks for an interpolation of its past) advances by stages instead, whatever the
/// plan: in synchronous order, as the ODE  tau dr/dt = −r + drive  with delays in milliseconds. A path without delay reads the
/// current stage, one with a delay d reads t + c[i]·dt − d, interpolated between steps. What leaks is the stage's response, or
/// with LeakState::membrane its value before later operations; adaptation is held over a step. Frames are shown from the start of
/// a step to its end; responses and outputs are those at the end. Throws Error when the solvers have different methods, the order
/// is sequential, a cycle without delay has no solver in it, or dt exceeds the shortest non-zero delay of a cycle.
Trajectory run(const Circuit& circuit, const Sequence& sequence, State state, const RunOptions& options = {});

}  // namespace dv::temporal

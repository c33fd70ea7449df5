#pragma once
/// Runs a circuit over a sequence.

#include <dv/temporal/circuit.hpp>
#include <dv/temporal/recorder.hpp>
#include <dv/temporal/sequence.hpp>
#include <dv/temporal/state.hpp>

namespace dv::temporal {

/// The outputs and the state after the last step.
struct Trajectory {
    at::Tensor outputs;  ///< [batch, time, class]; zeros where the readout had no signal
    State state;
};

/// How time is walked. Every plan gives the same values and gradients (up to rounding).
enum class Plan {
    reference  ///< all layers of one step, then the next step
};

struct RunOptions {
    Plan plan = Plan::reference;
    Recorder* recorder = nullptr;
    std::int64_t truncated_bptt_timesteps = 0;  ///< > 0: stored activity is cut from the graph after every so many steps
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
Trajectory run(const Circuit& circuit, const Sequence& sequence, State state, const RunOptions& options = {});

}  // namespace dv::temporal

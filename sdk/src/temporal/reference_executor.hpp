#pragma once
/// The plain order: all layers of one step, then the next step. It says what every other plan must compute.

#include <dv/temporal/run.hpp>

#include <functional>

namespace dv::temporal {

/// `enough`: ends the run after the first step whose state satisfies it, the trajectory with it; empty: all steps.
Trajectory run_reference(const Circuit& circuit, const Sequence& sequence, State state, const RunOptions& options,
                         const std::function<bool(const State&)>& enough = {});

}  // namespace dv::temporal

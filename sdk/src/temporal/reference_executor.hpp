#pragma once
/// The plain order: all layers of one step, then the next step. It says what every other plan must compute.

#include <dv/temporal/run.hpp>

namespace dv::temporal {

Trajectory run_reference(const Circuit& circuit, const Sequence& sequence, State state, const RunOptions& options);

}  // namespace dv::temporal

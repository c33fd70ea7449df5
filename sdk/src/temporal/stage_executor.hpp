#pragma once
/// Circuits whose layers advance together, their drives evaluated several times in a step (stage_walk.hpp).

#include <dv/temporal/run.hpp>

namespace dv::temporal {

/// As run(), but that layers advance as the ODE  tau dr/dt = −r + drive  with delays in milliseconds: a path without a delay reads
/// the current stage, one with a delay reads the past at the stage's time, interpolated between steps. A frame is shown from the
/// start of its step to its end; responses and outputs are those at the end. Every operation is an ordinary one of autograd.
/// Throws Error as check_stages() does.
Trajectory run_stages(const Circuit& circuit, const Sequence& sequence, State state, const RunOptions& options);

}  // namespace dv::temporal

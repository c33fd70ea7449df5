#pragma once
/// A layer's whole sequence at once, as far as delays allow. docs/temporal_engine.md says how.

#include <dv/temporal/run.hpp>

namespace dv::temporal {

/// As run(); circuits that have no fast plan are walked step by step.
Trajectory run_fast(const Circuit& circuit, const Sequence& sequence, State state, const RunOptions& options);

}  // namespace dv::temporal

#pragma once
/// Activation checkpointing: what the gradient needs is computed again instead of kept.

#include <dv/temporal/run.hpp>

namespace dv::temporal {

/// As run(), whose checks have passed, in options.checkpoint_segments segments. The gradient of each but the last is a node of
/// the graph that walks it again from the state at its beginning, with the same random draws. First derivatives only.
Trajectory run_checkpointed(const Circuit& circuit, const Sequence& sequence, State state, const RunOptions& options);

/// As run(), whose checks have passed, in one go (run.cpp).
Trajectory run_with_graph(const Circuit& circuit, const Sequence& sequence, State state, const RunOptions& options);

}  // namespace dv::temporal

#pragma once
/// A segment of time that is walked again when its gradient is asked for.

#include <dv/temporal/run.hpp>

#include <memory>

namespace dv::temporal {

/// Where and how a segment is walked.
struct Segment {
    std::shared_ptr<const Circuit> circuit;
    Sequence sequence;
    State state;  ///< at its beginning
    RunOptions options;
};

/// run_with_graph() of the segment. What it returns depends on the segment's state and on everything else that it has used (the
/// circuit's parameters, frames) by one node of the graph; nothing that was computed on the way is kept.
Trajectory run_and_forget(Segment segment);

}  // namespace dv::temporal

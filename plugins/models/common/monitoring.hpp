#pragma once
/// What recorders and losses see of a circuit: its layers, and the signals that monitors ask for.

#include <dv/temporal/run.hpp>
#include <dv/torch/model.hpp>

#include <vector>

namespace rcnn {

/// One entry per layer, in a Recorder's counting: the grid of what its operation 'record' gets, or of what it stores.
std::vector<dv::LayerFacts> facts_of_layers(const dv::temporal::Circuit& circuit);

/// Which probes serve which monitors.
struct Watched {
    std::vector<dv::temporal::Probe> probes;
    std::vector<std::size_t> monitors;  ///< per probe: index of the monitor that asked for it
};

/// Every layer whose name matches and that has the operation; of several of one name in a layer, the last. Throws
/// Error, which says what there is, when a monitor matches nothing.
Watched watched_by(const std::vector<dv::Monitor>& monitors, const dv::temporal::Circuit& circuit);

/// What the probes of `watched` have seen. Signals that never arrived are left out.
std::vector<dv::Activity> activity_of(const Watched& watched, const dv::temporal::Circuit& circuit,
                                      const dv::temporal::Trajectory& run);

}  // namespace rcnn

#pragma once
/// From settings and data to parameters and a circuit.

#include "settings.hpp"

#include <dv/torch/batch.hpp>
#include <dv/torch/parameters.hpp>

namespace rcnn {

/// Declares every parameter in `weights` and puts the circuit together. `owner` gets the warnings (a dt beyond tau, a delay
/// that dt does not divide). Throws ParameterError for settings that do not fit together or do not fit the data.
dv::temporal::Circuit build_circuit(const Settings& settings, const dv::DataFacts& facts, dv::Parameters& weights,
                                    const dv::Component& owner);

}  // namespace rcnn

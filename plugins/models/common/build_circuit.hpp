#pragma once
/// From settings and data to parameters and a circuit.

#include "dropout.hpp"
#include "settings.hpp"

#include <dv/torch/batch.hpp>
#include <dv/torch/parameters.hpp>

#include <functional>

namespace rcnn {

/// Puts what is made of parameters (a normalised weight, a time constant) into the circuit, as part of the autograd
/// graph.
using Refresh = std::function<void(dv::temporal::Circuit&)>;

struct Network {
    dv::temporal::Circuit circuit;
    std::vector<Refresh> refresh;      ///< all of them, before each run
    std::shared_ptr<Dropout> dropout;  ///< of the classifier; null: none
};

/// Declares every parameter in `weights` and puts the circuit together. `owner` gets the warnings (a dt beyond tau, a
/// delay
/// that dt does not divide). Throws ParameterError for settings that do not fit together or do not fit the data.
Network build_network(const Settings& settings, const dv::DataFacts& facts, dv::Parameters& weights,
                      const dv::Component& owner);

}  // namespace rcnn

#pragma once
/// What the steps of building a network share. Only build_*.cpp include this.

#include "build_circuit.hpp"
#include "compat.hpp"
#include "delays.hpp"
#include "weights.hpp"

#include <algorithm>

namespace rcnn {

struct Building {
    const Settings& settings;
    const dv::DataFacts& facts;
    dv::Parameters& weights;
    const dv::Component& owner;
    const Delays& delays;
    Network& network;

    dv::temporal::Circuit& circuit() const { return network.circuit; }
    /// Steps of a training run, as far as they are known. Where compat lets manifest and data differ, DynVision 0.1.0 took the
    /// larger.
    std::int64_t n_timesteps() const { return std::max(facts.n_frames, settings.n_timesteps); }
};

/// Solvers by layer; null where a layer does not relax.
using Solvers = std::vector<std::shared_ptr<const dv::Solver>>;

void add_layer(const Building& building, std::size_t l, std::shared_ptr<const dv::Solver> solver);
void add_connection(const Building& building, std::size_t i);
void add_readout(const Building& building);

/// A layer whose newest activity is added to what the last layer passes on.
void add_layer_to_readout(const Building& building, const std::string& name);

std::size_t layer_named(const dv::temporal::Circuit& circuit, const std::string& name, const std::string& parameter);

}  // namespace rcnn

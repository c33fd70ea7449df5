#pragma once
/// DynVision's DyRCNN networks as rcnn tables.

#include <dv/testing/load.hpp>
#include <dv/torch/model.hpp>

#include <string>
#include <vector>

namespace dyrcnn {

using dv::testing::Config;

/// DyRCNNx2, x4 and x8 with DynVision 0.1.0's defaults: skips on, feedback off.
Config x2();
Config x4();
Config x8();

/// `config` with some of its keys replaced or added.
Config with(Config config, const Config& changes);

/// A `connection` list of skips or of feedback.
using Edges = dv::testing::Value::List;
Edges connections(const char* kind, const std::vector<std::pair<std::string, std::string>>& from_to,
                  const char* mode = "additive");

Edges both(Edges some, const Edges& more);

/// The plugins built beside the one under test give recurrence and solver.
dv::testing::Plugin plugin();
std::shared_ptr<dv::Model> made(const Config& config);

}  // namespace dyrcnn

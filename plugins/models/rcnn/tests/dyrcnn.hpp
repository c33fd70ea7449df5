#pragma once
/// DynVision's DyRCNN networks as rcnn tables, and its rule for filling them with known numbers.

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
/// A model built for frames [3, size, size] and `n_classes`, filled and in double precision.
std::shared_ptr<dv::Model> filled(const Config& config, std::int64_t size, std::int64_t n_classes = 4);

/// cos(0.013 i + 0.5 b) over (channel, y, x): [batch, 1, 3, size, size].
at::Tensor image(std::int64_t batch, std::int64_t size);

}  // namespace dyrcnn

#pragma once
/// [trainer] as the loops take it.

#include "compose/roles.hpp"
#include "loops/experiment.hpp"
#include "manifest/node.hpp"

namespace dvhost::compose {

/// `table` tells whole numbers from shares, and what was written from what is a default. Also sets LibTorch's own switches
/// (deterministic, benchmark). Throws dv::Error for values that do not go together.
loops::TrainerOptions trainer_options(const manifest::Node& table, const TrainerKeys& keys);

/// "DD:HH:MM:SS" in seconds. Throws dv::Error.
double seconds_of(const std::string& time);

}  // namespace dvhost::compose

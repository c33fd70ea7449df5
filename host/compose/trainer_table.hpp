#pragma once
/// The [trainer] table before it is checked: what the environment adds, and forms that Lightning users write.

#include "manifest/node.hpp"

#include <string>
#include <vector>

namespace dvhost::compose {

/// DVHOST_TRAINER_<KEY> (in capitals; a TOML value, or a bare word) stands for a `key` that the manifest does not give; other
/// variables that begin like this are answered with a warning.
void add_trainer_environment(manifest::Node& root, const std::vector<std::string>& keys, std::vector<std::string>& warnings);

/// Lightning's forms of values that have one type here: fast_dev_run = true, check_val_every_n_epoch = "none", val_check_interval and
/// max_time as "DD:HH:MM:SS" or tables, accelerator = "gpu", deterministic = "warn".
void translate_trainer_forms(manifest::Node& root);

}  // namespace dvhost::compose

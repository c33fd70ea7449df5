#pragma once
/// `compat` at the top of a manifest: whose behaviour tables have that do not say it themselves.

#include "manifest/manifest.hpp"
#include "registry/registry.hpp"

#include <vector>

namespace dvhost::compose {

/// Writes the value of a manifest's `compat` into the tables of what computes (trainer, data, model, losses, optimizers) that have such
/// a key and leave it out; "dynvision-0.1" includes "lightning", for DynVision trains with Lightning. Formats of files are never
/// touched. Returns what is wrong with the value.
std::vector<manifest::Problem> spread_compat(manifest::Node& root, const registry::Registry& plugins);

}  // namespace dvhost::compose

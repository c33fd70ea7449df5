#pragma once
/// A manifest from file to exit code: what `run` and `predict` share.

#include "cli/options.hpp"

#include <filesystem>

namespace dvhost::cli {

/// Runs the manifest's stages. `predictions` is where the stage "predict" writes; empty: into the run folder. Throws what stopped it.
int run_manifest(const ManifestOptions& options, const std::filesystem::path& predictions);

}  // namespace dvhost::cli

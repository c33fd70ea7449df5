#pragma once
/// A manifest from file to exit code: what `run` and `predict` share.

#include "cli/options.hpp"
#include "compose/resume.hpp"

#include <filesystem>

namespace dvhost::cli {

/// Runs the manifest's stages. `predictions` is where the stage "predict" writes; empty: into the run folder. Throws what stopped it.
int run_manifest(const ManifestOptions& options, const compose::ResumeRequest& resume, const std::filesystem::path& predictions);

/// --ckpt, and with `trains` also --resume.
void add_resume(boost::program_options::options_description& options, compose::ResumeRequest& out, bool trains);

}  // namespace dvhost::cli

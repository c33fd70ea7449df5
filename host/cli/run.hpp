#pragma once
/// A manifest from file to exit code: what `run` and `predict` share.

#include "cli/options.hpp"
#include "compose/composition.hpp"
#include "compose/resume.hpp"

#include <filesystem>

namespace dvhost::cli {

/// A checked manifest's parts. What fails while they are made is a failure to start (68), unless it has a code of its own.
std::unique_ptr<compose::Composition> composed(compose::Checked checked, registry::Registry& plugins, logging::Console& console,
                                               logging::HostLog& log, compose::Purpose purpose, const compose::ResumeRequest& resume);

/// Runs the manifest's stages. `predictions` is where the stage "predict" writes; empty: into the run folder. Throws what stopped it.
int run_manifest(const ManifestOptions& options, const compose::ResumeRequest& resume, const std::filesystem::path& predictions);

/// --ckpt, and with `trains` also --resume.
void add_resume(boost::program_options::options_description& options, compose::ResumeRequest& out, bool trains);

}  // namespace dvhost::cli

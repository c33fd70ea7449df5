#pragma once
/// A manifest against the schemas that plugins carry in their notes: everything that can be known before any plugin code runs.

#include "manifest/manifest.hpp"
#include "registry/registry.hpp"

#include <string>
#include <vector>

namespace dvhost::compose {

/// A manifest that has been judged right: every `type` is a full id, every default is written out, every path is absolute.
struct Checked {
    manifest::Node manifest;
    std::vector<std::string> warnings;  ///< deprecated keys and the like
};

/// A manifest that cannot be run, with every problem, and the exit code that fits (65, or 67 when a plugin it needs was refused).
struct CheckError : manifest::ManifestError {
    CheckError(std::vector<manifest::Problem> found, ExitCode exit_code)
        : ManifestError(std::move(found)), code(exit_code) {}
    ExitCode code;
};

/// Checks all tables: unknown tables and keys (with what was probably meant), types, ranges, choices, required keys, components
/// that do not exist or are ambiguous, nested components and tables to any depth, what stages need. Adds what the manifest may
/// leave out (strategy, progress and checkpoint callbacks) and what its `compat` says (compat.hpp). Throws CheckError with all problems at once.
Checked check(const manifest::Node& manifest, const registry::Registry& plugins);

/// One component's table by itself, as check() leaves it: `type` a full id, defaults written out. `iface` is "dv.model" and the like,
/// `context` stands in messages. Throws CheckError with all problems.
manifest::Node check_component(manifest::Node table, const std::string& iface, const std::string& context,
                               const registry::Registry& plugins);

/// The folders of [plugins] paths, absolute; what scan() needs before check() can run. Ignores what has the wrong type.
std::vector<std::filesystem::path> plugin_paths(const manifest::Node& manifest);

}  // namespace dvhost::compose

#pragma once
/// Options that several commands take, parsed with Boost.Program_options.

#include "cli/command.hpp"
#include "manifest/manifest.hpp"
#include "registry/registry.hpp"

#include <boost/program_options.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace dvhost::cli {

/// Parses; prints the command's help and returns false when --help was asked for. Throws UsageError that says what is wrong and
/// what is accepted. Positional words go to the option named `positional` (empty: none are accepted).
bool parse(const Arguments& arguments, std::string_view command, const boost::program_options::options_description& options,
           std::string_view positional, boost::program_options::variables_map& out);

/// A manifest with its overrides, as run, check and describe take it.
struct ManifestOptions {
    std::vector<std::filesystem::path> files;
    std::vector<std::string> overrides;
    std::vector<std::filesystem::path> plugin_paths;

    void add_to(boost::program_options::options_description& options);
    void read(const boost::program_options::variables_map& values);
};

/// The option --plugin-path alone.
void add_plugin_path(boost::program_options::options_description& options, std::vector<std::filesystem::path>& out);

/// Loads the manifest and finds plugins along its search path.
struct Loaded {
    manifest::Node manifest;
    registry::Registry plugins;
};
Loaded load(const ManifestOptions& options);

}  // namespace dvhost::cli

#pragma once
/// The files of a manifest, with everything they include.

#include "manifest/manifest.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace dvhost::manifest {

/// All files in the order in which they are merged: a file's includes come before the file. The key `include` is
/// taken out of the trees.
struct FileSet {
    std::vector<Node> trees;
    bool complete = true;  ///< no file was refused, as a whole or in part
};

FileSet read_with_includes(const std::vector<std::filesystem::path>& files, std::vector<Problem>& problems);

}  // namespace dvhost::manifest

#pragma once
/// From search directories to candidate files. Opens no plugin.

#include "registry/registry.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace dvhost::registry {

inline constexpr std::size_t kMaxCandidates = 4096;  ///< in one directory

struct Candidate {
    std::filesystem::path path;
    bool named = false;  ///< named directly rather than found in a directory: then it has to be a plugin
};

struct Candidates {
    std::vector<Candidate> files;      ///< in the order of the search, sorted within a directory
    std::vector<ScanEntry> set_aside;  ///< directories that are missing or were not looked into
};

/// Looks at each directory, its abi1 and abi1/torch-<series>, and one level of sub-directories of each.
Candidates find_candidates(const std::vector<SearchDirectory>& directories, const std::string& torch_series);

}  // namespace dvhost::registry

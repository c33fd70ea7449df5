#pragma once
/// A run's own folder.

#include <filesystem>
#include <vector>

namespace dvhost::compose {

/// Makes <base>/version_<N>, N one above the largest there is (0 first), and gives its absolute path. Safe when several runs
/// start at once. Throws dv::IoError with path and reason.
std::filesystem::path make_run_folder(const std::filesystem::path& base);

/// The folders version_<N> in `base`, newest first.
std::vector<std::filesystem::path> run_folders(const std::filesystem::path& base);

}  // namespace dvhost::compose

#pragma once
/// Zip archives.

#include <filesystem>

namespace comet {

/// Puts the files of a folder, without its folders, into a new archive `target`, which takes the place of what is
/// there. Archive and files may be larger than 4 GB. A reader finds the old archive or the new one. Throws dv::IoError.
void zip_folder(const std::filesystem::path& folder, const std::filesystem::path& target);

}  // namespace comet

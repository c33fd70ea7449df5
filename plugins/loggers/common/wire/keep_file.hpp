#pragma once
/// A file of the run, kept as it is now.

#include <dv/error.hpp>

#include <filesystem>
#include <string>
#include <system_error>

namespace loggers::wire {

/// Gives the content of `from` the name `to` as well, or copies it where that cannot be. Taking `from` away or replacing it, as is done
/// with checkpoints, then does not matter; writing into it would. What `to` was before goes; folders above it are made. Throws dv::IoError.
inline void keep_file(const std::filesystem::path& from, const std::filesystem::path& to) {
    std::error_code failed;
    std::filesystem::create_directories(to.parent_path(), failed);
    std::filesystem::remove(to, failed);
    std::filesystem::create_hard_link(from, to, failed);
    if (failed) std::filesystem::copy_file(from, to, failed);
    if (failed) throw dv::IoError("cannot copy '" + from.string() + "' to '" + to.string() + "': " + failed.message());
}

}  // namespace loggers::wire

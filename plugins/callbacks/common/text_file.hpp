#pragma once
/// A small file of text that is replaced as a whole.

#include <dv/error.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

namespace callbacks {

/// Makes the folder, writes `<path>.tmp` and renames it: a reader finds the old text or the new one. Throws dv::IoError.
inline void replace_text(const std::filesystem::path& path, std::string_view text) {
    std::error_code failed;
    std::filesystem::create_directories(path.parent_path(), failed);
    if (failed) throw dv::IoError("cannot make the folder '" + path.parent_path().string() + "': " + failed.message());
    const std::filesystem::path beside = path.string() + ".tmp";
    std::ofstream out(beside, std::ios::binary);
    out << text;
    out.close();
    if (out.good()) std::filesystem::rename(beside, path, failed);
    if (out.good() && !failed) return;
    std::error_code ignored;
    std::filesystem::remove(beside, ignored);
    throw dv::IoError("cannot write '" + path.string() + "'" +
                      (failed ? ": " + failed.message() : ": the disk may be full"));
}

}  // namespace callbacks

#pragma once
/// Reading a manifest file, with a plain reason when that is not possible.

#include <filesystem>
#include <string>
#include <string_view>

namespace dvhost::manifest {

struct FileText {
    std::string text;
    std::string problem;  ///< "does not exist; did you mean 'quickstart.toml'?", ...; empty when `text` holds
};

/// Regular files up to 16 MiB. The text is not checked further.
FileText read_file(const std::filesystem::path& path);

/// "a PNG image" and the like, from the first bytes; empty for what may be text.
std::string_view binary_format(std::string_view text);

}  // namespace dvhost::manifest

#include "manifest/file_text.hpp"

#include "manifest/suggest.hpp"
#include "manifest/text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>
#include <vector>

namespace dvhost::manifest {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestFile = std::size_t{16} << 20U;
/// A directory with more files is not searched to the end for a similar name.
constexpr std::size_t kMostNeighbours = 4096;

struct Magic {
    std::string_view bytes;
    std::string_view format;
};
constexpr std::array<Magic, 8> kMagics{{
    {"\x89PNG", "a PNG image"},
    {"\xFF\xD8\xFF", "a JPEG image"},
    {"GIF8", "a GIF image"},
    {"\x7F"
     "ELF",
     "a program or a plugin (ELF)"},
    {"PK\x03\x04", "a zip archive (a checkpoint?)"},
    {"\x1F\x8B", "a gzip archive"},
    {"\xFF\xFE", "UTF-16 text; save it as UTF-8"},
    {"\xFE\xFF", "UTF-16 text; save it as UTF-8"},
}};

std::string similar_name(const fs::path& missing) {
    const fs::path parent = missing.parent_path();
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(parent.empty() ? fs::path(".") : parent, error), end; !error && it != end;
         it.increment(error)) {
        if (names.size() == kMostNeighbours) break;
        names.push_back(it->path().filename().string());
    }
    std::sort(names.begin(), names.end());  // the same suggestion on every file system
    const std::optional<std::string> name = closest(missing.filename().string(), names);
    return name ? "; did you mean " + in_quotes((parent / *name).string()) + "?" : "";
}

std::string too_large() {
    return "is larger than " + std::to_string(kLargestFile >> 20U) + " MiB: too large for a manifest";
}

/// Why the file must not even be opened; empty when it may.
std::string problem_before_opening(const fs::path& path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (status.type() == fs::file_type::not_found) return "does not exist" + similar_name(path);
    if (error) return "cannot be read: " + error.message();
    if (fs::is_directory(status)) return "is a directory; expected a manifest file (TOML)";
    if (!fs::is_regular_file(status)) return "is not a regular file; expected a manifest file (TOML)";
    if (fs::file_size(path, error) > kLargestFile && !error) return too_large();
    return "";
}

struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

FileText read_file(const fs::path& path) {
    if (std::string problem = problem_before_opening(path); !problem.empty()) return {"", std::move(problem)};
    const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rb"));
    if (!file) return {"", std::string("cannot be read: ") + std::strerror(errno)};
    FileText result;
    std::array<char, 65536> block{};
    while (const std::size_t count = std::fread(block.data(), 1, block.size(), file.get())) {
        result.text.append(block.data(), count);
        if (result.text.size() > kLargestFile) return {"", too_large()};  // it grew, or its size was not known before
    }
    if (std::ferror(file.get()) != 0) return {"", std::string("cannot be read: ") + std::strerror(errno)};
    return result;
}

std::string_view binary_format(std::string_view text) {
    for (const Magic& magic : kMagics) {
        if (text.starts_with(magic.bytes)) return magic.format;
    }
    return text.find('\0') == std::string_view::npos ? std::string_view{} : "a binary file (it holds zero bytes)";
}

}  // namespace dvhost::manifest

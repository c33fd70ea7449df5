#include "compose/run_folder.hpp"

#include <dv/error.hpp>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

namespace dvhost::compose {

namespace {

/// N of a folder version_<N>.
std::optional<long> version_of(const std::filesystem::path& folder) {
    constexpr std::string_view prefix = "version_";
    const std::string name = folder.filename().string();
    if (!name.starts_with(prefix)) return std::nullopt;
    long n = -1;
    const auto [end, error] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), n);
    if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
    return n;
}

/// One above the largest N of the folders version_<N> in `base`.
long next_version(const std::filesystem::path& base) {
    const std::vector<std::filesystem::path> there = run_folders(base);
    return there.empty() ? 0 : *version_of(there.front()) + 1;
}

}  // namespace

std::vector<std::filesystem::path> run_folders(const std::filesystem::path& base) {
    std::vector<std::pair<long, std::filesystem::path>> found;
    std::error_code unreadable;
    for (const auto& entry : std::filesystem::directory_iterator(base, unreadable)) {
        if (const auto n = version_of(entry.path())) found.emplace_back(*n, entry.path());
    }
    std::sort(found.begin(), found.end(), std::greater<>());
    std::vector<std::filesystem::path> out;
    for (auto& [n, path] : found) out.push_back(std::move(path));
    return out;
}

std::filesystem::path make_run_folder(const std::filesystem::path& base) {
    std::error_code error;
    std::filesystem::create_directories(base, error);
    if (error) {
        throw dv::IoError("cannot make the folder for runs, " + base.string() + ": " + error.message() +
                          "; choose another with -o run.dir=PATH");
    }
    // Another run may take the number first: then the next one is tried.
    for (int attempt = 0; attempt < 1000; ++attempt) {
        const std::filesystem::path folder = base / ("version_" + std::to_string(next_version(base)));
        if (std::filesystem::create_directory(folder, error)) return std::filesystem::absolute(folder);
        if (error) {
            throw dv::IoError("cannot make the run folder " + folder.string() + ": " + error.message() +
                              "; choose another place with -o run.dir=PATH");
        }
    }
    throw dv::IoError("cannot find a free run folder in " + base.string());
}

}  // namespace dvhost::compose

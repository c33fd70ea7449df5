#include "compose/run_folder.hpp"

#include <dv/error.hpp>

#include <charconv>
#include <string>

namespace dvhost::compose {

namespace {

/// One above the largest N of the folders version_<N> in `base`.
long next_version(const std::filesystem::path& base) {
    constexpr std::string_view prefix = "version_";
    long next = 0;
    std::error_code unreadable;
    for (const auto& entry : std::filesystem::directory_iterator(base, unreadable)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with(prefix)) continue;
        long n = -1;
        const auto [end, error] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), n);
        if (error == std::errc{} && end == name.data() + name.size() && n >= next) next = n + 1;
    }
    return next;
}

}  // namespace

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

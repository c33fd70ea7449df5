#include "logger_options.hpp"

#include <dv/error.hpp>

#include <algorithm>
#include <charconv>
#include <system_error>

namespace loggers {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kVersion = "version_";

bool is_number(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// One above the largest N of the folders version_<N> in `base`.
long next_version(const fs::path& base) {
    long next = 0;
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(base, unreadable)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with(kVersion) || !is_number(std::string_view(name).substr(kVersion.size()))) continue;
        long n = -1;
        const auto read = std::from_chars(name.data() + kVersion.size(), name.data() + name.size(), n);
        if (read.ec == std::errc{}) next = std::max(next, n + 1);
    }
    return next;
}

void make_folders(const fs::path& folder) {
    std::error_code failed;
    fs::create_directories(folder, failed);
    if (failed) throw dv::IoError("cannot make the folder '" + folder.string() + "': " + failed.message());
}

/// Several runs may want the next number at once: mkdir decides, and the others try the one after it.
fs::path take_next_version(const fs::path& base) {
    make_folders(base);
    while (true) {
        const fs::path folder = base / (std::string(kVersion) + std::to_string(next_version(base)));
        std::error_code failed;
        if (fs::create_directory(folder, failed)) return folder;
        if (failed) throw dv::IoError("cannot make the folder '" + folder.string() + "': " + failed.message());
    }
}

std::string run_folder(const dv::Component& component) {
    const auto* paths = component.extension<dv_paths_1>(DV_EXT_PATHS);
    return paths != nullptr ? std::string(dv::detail::view(paths->run_dir(paths->self))) : std::string();
}

}  // namespace

fs::path output_folder(const dv::Component& component, const CommonOptions& options) {
    const std::string run = run_folder(component);
    if (options.save_dir.empty() && run.empty()) {
        throw dv::ParameterError("save_dir", "is not given, and this command makes no run folder; name a folder");
    }
    if (options.save_dir.empty() && options.name.empty() && options.version.empty()) return run;
    const fs::path base = (options.save_dir.empty() ? fs::path(run) : options.save_dir) / options.name;
    if (options.version.empty()) return take_next_version(base);
    const fs::path folder = base / (is_number(options.version) ? std::string(kVersion) + options.version : options.version);
    make_folders(folder);
    return folder;
}

}  // namespace loggers

#include "output.hpp"

#include "run_path.hpp"

#include <dv/error.hpp>

#include <charconv>

namespace loggers {

namespace {

namespace fs = std::filesystem;

bool is_in_run_folder(const CommonOptions& options, const std::string& path) {
    return (options.save_dir.empty() && options.name.empty() && options.version.empty()) || fs::path(path).is_absolute();
}

/// The run's folder may have been moved since; a folder of the logger's own is where it was.
Output resumed_output(const dv::Logger& logger, const CommonOptions& options, const std::string& path, const std::string& position) {
    std::uint64_t count = 0, id = 0;
    const char* const end = position.data() + position.size();
    auto read = std::from_chars(position.data(), end, count);
    if (read.ec == std::errc{} && read.ptr != end) read = std::from_chars(read.ptr + 1, end, id);
    if (read.ec != std::errc{} || read.ptr == end) throw dv::Error("was given a position that is not its own: '" + position + "'");
    if (is_in_run_folder(options, path)) return {in_run_folder(logger, path), count, id};
    return {fs::path(std::string(read.ptr + 1, end)), count, id};
}

}  // namespace

Output find_output(const dv::Logger& logger, const CommonOptions& options, const std::string& path) {
    if (const auto position = logger.resume_position()) return resumed_output(logger, options, path, *position);
    return {is_in_run_folder(options, path) ? in_run_folder(logger, path) : output_folder(logger, options) / path, std::nullopt, 0};
}

void warn_if_replaced(const dv::Logger& logger, const LineFile& file) {
    if (file.would_replace()) logger.warn("replaces " + file.path().string() + ", which exists");
}

}  // namespace loggers

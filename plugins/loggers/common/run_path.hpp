#pragma once
/// Where a logger's file lies.

#include <dv/component.hpp>

#include <filesystem>
#include <string>

namespace loggers {

/// `path`, seen from the run's folder. Throws dv::ParameterError when it is relative and there is no such folder.
inline std::filesystem::path in_run_folder(const dv::Component& component, const std::string& path) {
    if (path.empty()) throw dv::ParameterError("path", "is empty; give the name of a file");
    if (std::filesystem::path(path).is_absolute()) return path;
    const auto* paths = component.extension<dv_paths_1>(DV_EXT_PATHS);
    const std::string folder(paths ? dv::detail::view(paths->run_dir(paths->self)) : std::string_view());
    if (folder.empty()) {
        throw dv::ParameterError("path", "is '" + path +
                                             "', seen from the run's folder, and this command has none; "
                                             "give an absolute path");
    }
    return std::filesystem::path(folder) / path;
}

}  // namespace loggers

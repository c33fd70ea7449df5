#pragma once
/// Where a callback's files lie.

#include <dv/component.hpp>

#include <filesystem>
#include <string>

namespace callbacks {

/// `path`, seen from the run's folder. `parameter` is named in the error. Throws dv::ParameterError when the path is relative and
/// there is no such folder.
inline std::filesystem::path in_run_folder(const dv::Component& component, std::string_view parameter,
                                           const std::string& path) {
    if (std::filesystem::path(path).is_absolute()) return std::filesystem::path(path).lexically_normal();
    const auto* paths = component.extension<dv_paths_1>(DV_EXT_PATHS);
    const std::string run(paths ? dv::detail::view(paths->run_dir(paths->self)) : std::string_view());
    if (run.empty()) {
        throw dv::ParameterError(std::string(parameter),
                                 "is '" + path +
                                     "', seen from the run's folder, and this command has none; "
                                     "give an absolute path");
    }
    return (std::filesystem::path(run) / path).lexically_normal();
}

}  // namespace callbacks

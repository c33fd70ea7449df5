#include "writer.hpp"

#include <system_error>

namespace checkpoint {

namespace {

std::filesystem::path in_run_folder(const dv::Component& component, const std::string& folder) {
    if (std::filesystem::path(folder).is_absolute()) return std::filesystem::path(folder).lexically_normal();
    const auto* paths = component.extension<dv_paths_1>(DV_EXT_PATHS);
    const std::string run(paths ? dv::detail::view(paths->run_dir(paths->self)) : std::string_view());
    if (run.empty()) {
        throw dv::ParameterError("dirpath", "is '" + folder +
                                                "', seen from the run's folder, and this command has none; "
                                                "give an absolute path");
    }
    return (std::filesystem::path(run) / folder).lexically_normal();
}

}  // namespace

Writer::Writer(const dv::Component& component, const std::string& folder, Content content)
    : component_(component),
      host_(component.extension<dv_checkpoint_1>(DV_EXT_CHECKPOINT)),
      folder_(in_run_folder(component, folder)),
      content_(content) {
    if (!host_)
        throw dv::Error("this host does not write checkpoints (it offers no dv.checkpoint/1); remove the callback");
}

bool Writer::holds_files() const {
    std::error_code failed;
    return std::filesystem::is_directory(folder_, failed) && !std::filesystem::is_empty(folder_, failed) && !failed;
}

std::filesystem::path Writer::free_path(const std::string& name, const std::filesystem::path& own) const {
    std::filesystem::path candidate = path(name);
    for (int version = 1; candidate != own && std::filesystem::exists(candidate); ++version) {
        candidate = path(name + "-v" + std::to_string(version));
    }
    return candidate;
}

void Writer::save(const std::filesystem::path& path) const {
    std::error_code failed;
    std::filesystem::create_directories(path.parent_path(), failed);
    if (failed) throw dv::IoError("cannot make the folder '" + path.parent_path().string() + "': " + failed.message());
    const std::string text = path.string();
    const dv_status status = host_->save(host_->self, dv::detail::borrow(text), content_ == Content::weights ? 1 : 0);
    dv::detail::check(component_.host, status);
}

void Writer::remove(const std::filesystem::path& path) const {
    std::error_code failed;
    std::filesystem::remove(path, failed);
    if (failed) component_.warn("the former checkpoint " + path.string() + " stays: " + failed.message());
}

}  // namespace checkpoint

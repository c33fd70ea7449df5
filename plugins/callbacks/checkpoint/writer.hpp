#pragma once
/// Where checkpoints lie and who writes them: the host, through dv.checkpoint/1.

#include <dv/component.hpp>

#include <filesystem>
#include <string>

namespace checkpoint {

class Writer {
public:
    enum class Content { everything, weights };

    /// `folder` is seen from the run's folder. `component` must outlive the writer. Throws dv::ParameterError when
    /// there is no such folder, dv::Error when this host writes no checkpoints.
    Writer(const dv::Component& component, const std::string& folder, Content content);

    const std::filesystem::path& folder() const { return folder_; }
    bool holds_files() const;

    std::filesystem::path path(const std::string& name) const { return folder_ / (name + ".ckpt"); }
    /// path(name), or the first of name-v1, name-v2, ... that is not taken. `own` does not count as taken.
    std::filesystem::path free_path(const std::string& name, const std::filesystem::path& own) const;

    /// Returns when the file is on disk. Throws dv::ComponentError with what the host reported.
    void save(const std::filesystem::path& path) const;
    /// Removes a file that save() wrote. One that cannot be removed is a warning: the run has better things to do
    /// than stop.
    void remove(const std::filesystem::path& path) const;

private:
    const dv::Component& component_;
    const dv_checkpoint_1* host_;
    std::filesystem::path folder_;
    Content content_;
};

}  // namespace checkpoint

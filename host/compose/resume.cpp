#include "compose/resume.hpp"

#include "checkpoint/pytorch_file.hpp"
#include "compose/checkpoints.hpp"
#include "compose/run_folder.hpp"

#include <algorithm>
#include <vector>

namespace dvhost::compose {

namespace fs = std::filesystem;

namespace {

/// The files *.ckpt below a run folder, newest first.
std::vector<fs::path> checkpoints_in(const fs::path& run) {
    std::vector<std::pair<fs::file_time_type, fs::path>> found;
    std::error_code unreadable;
    for (fs::recursive_directory_iterator at(run, unreadable), end; !unreadable && at != end; at.increment(unreadable)) {
        if (at->is_regular_file() && at->path().extension() == ".ckpt" && !at->is_symlink()) found.emplace_back(at->last_write_time(), at->path());
    }
    std::sort(found.begin(), found.end(), std::greater<>());
    std::vector<fs::path> out;
    for (auto& [time, path] : found) out.push_back(std::move(path));
    return out;
}

/// The newest whole checkpoint of the newest run that has one.
fs::path newest(const std::vector<fs::path>& runs, const std::function<void(const std::string&)>& warn) {
    for (const fs::path& run : runs) {
        for (const fs::path& file : checkpoints_in(run)) {
            try {
                checkpoint::read_pytorch_tree(file);
                return file;
            } catch (const dv::Error& error) {
                warn(std::string(error.what()) + "; it is passed over");
            }
        }
    }
    return {};
}

/// The run folder of `base` in which `file` lies; empty: in none.
fs::path folder_of(const fs::path& file, const fs::path& base) {
    std::error_code error;
    const fs::path whole = fs::weakly_canonical(base, error);
    for (fs::path at = fs::weakly_canonical(file, error).parent_path(); at.has_relative_path(); at = at.parent_path()) {
        if (at.parent_path() == whole && at.filename().string().starts_with("version_")) return at;
    }
    return {};
}

}  // namespace

StartPoint start_point(const ResumeRequest& request, const fs::path& base, bool trains, const std::function<void(const std::string&)>& warn) {
    if (!request.any()) return {};
    const std::vector<fs::path> runs = run_folders(base);
    fs::path file;
    if (request.checkpoint.empty() || request.checkpoint == "last") {
        file = newest(runs, warn);
        if (file.empty()) {
            warn("there is no checkpoint in the runs of " + base.string() + ": training begins anew");
            return {};
        }
    } else if (request.checkpoint == "best") {
        for (const fs::path& run : runs) {
            file = read_index(run / "checkpoints.toml").best;
            if (!file.empty()) break;
        }
        if (file.empty()) {
            throw dv::Error("--ckpt best: no run in " + base.string() + " has recorded a best checkpoint (a fast_dev_run saves none); name a file");
        }
    } else {
        if (request.checkpoint.find("://") != std::string::npos) {
            throw dv::Error("--ckpt " + request.checkpoint + ": checkpoints are read from files; download it and name the file, or say \"best\" or \"last\"");
        }
        file = fs::absolute(request.checkpoint);
    }
    if (!fs::is_regular_file(file)) throw dv::IoError("there is no checkpoint '" + file.string() + "'");
    return {file, trains ? folder_of(file, base) : fs::path()};
}

}  // namespace dvhost::compose

#pragma once
/// From which checkpoint a run goes on, and in which folder.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace dvhost::compose {

/// What the command line asks for.
struct ResumeRequest {
    std::string checkpoint;  ///< "best", "last" or a path; empty: none
    bool resume = false;     ///< go on in the newest run folder, from its newest checkpoint

    bool any() const { return resume || !checkpoint.empty(); }
};

/// Where a run starts.
struct StartPoint {
    std::filesystem::path checkpoint;  ///< empty: anew
    std::filesystem::path folder;      ///< the run folder to go on in; empty: a new one
};

/// `base` is where run folders lie ([run] dir). Training goes on in the folder of its checkpoint, if that is one of `base`; an evaluation
/// always gets a folder of its own. Files that are not whole are passed over, with a warning each. Throws dv::Error for a path that is
/// not there and for a "best" that nobody has recorded; "last" and --resume without any checkpoint begin anew, with a warning.
StartPoint start_point(const ResumeRequest& request, const std::filesystem::path& base, bool trains,
                       const std::function<void(const std::string&)>& warn);

}  // namespace dvhost::compose

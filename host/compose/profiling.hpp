#pragma once
/// trainer.profiler: what is measured, and where that is written.

#include "compose/roles.hpp"
#include "loops/profiler.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace dvhost::compose {

/// Of which stage a trace counts steps.
enum class ProfiledStage { fit, evaluation, predict };

/// What a profiler has to know of the run.
struct ProfileRequest {
    ProfilerKind kind{};
    loops::ProfiledParts parts;
    std::filesystem::path folder;  ///< where its files go
    ProfiledStage stage{};
    bool is_short = false;         ///< fewer than five steps: a trace then begins with the first
    std::function<void(const std::string&)> info, warn;
};

/// Null for "none".
std::shared_ptr<loops::Profiler> make_profiler(const ProfileRequest& request);

/// Writes what was measured when a run ends, however it ends: profile.txt, and what the profiler writes itself. The table is also told
/// to `info`. What cannot be written is a warning.
class ProfileEnd {
public:
    ProfileEnd(std::shared_ptr<loops::Profiler> profiler, const ProfileRequest& request) : profiler_(std::move(profiler)), request_(request) {}
    ~ProfileEnd();
    ProfileEnd(const ProfileEnd&) = delete;
    ProfileEnd& operator=(const ProfileEnd&) = delete;

private:
    std::shared_ptr<loops::Profiler> profiler_;
    const ProfileRequest& request_;
};

}  // namespace dvhost::compose

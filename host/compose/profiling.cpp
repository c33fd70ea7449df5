#include "compose/profiling.hpp"

#include "loops/memory_profiler.hpp"
#include "loops/trace_profiler.hpp"

#include <fstream>

namespace dvhost::compose {

namespace {

using loops::Profiler;

Profiler::Action step_of(ProfiledStage stage) {
    switch (stage) {
        case ProfiledStage::fit: return Profiler::training_step;
        case ProfiledStage::evaluation: return Profiler::validation_step;
        default: return Profiler::predict_step;
    }
}

}  // namespace

std::shared_ptr<Profiler> make_profiler(const ProfileRequest& request) {
    switch (request.kind) {
        case ProfilerKind::simple: return std::make_shared<loops::TimeProfiler>(request.parts);
        case ProfilerKind::memory: return std::make_shared<loops::MemoryProfiler>(request.parts);
        case ProfilerKind::trace:
            return std::make_shared<loops::TraceProfiler>(
                request.parts, loops::TraceOptions{.actions = request.folder / "trace.json",
                                                   .operators = request.folder / "trace_operators.json",
                                                   .step = step_of(request.stage),
                                                   .from_first_step = request.is_short,
                                                   .warn = request.warn});
        default: return nullptr;
    }
}

ProfileEnd::~ProfileEnd() {
    if (!profiler_) return;
    try {
        const std::string table = profiler_->report();
        request_.info("profile, also in " + (request_.folder / "profile.txt").string() + "\n" + table);
        std::ofstream out(request_.folder / "profile.txt", std::ios::binary);
        out << table;
        out.close();
        if (!out) request_.warn("cannot write " + (request_.folder / "profile.txt").string() + ": is the disk full?");
        profiler_->finish();
    } catch (const std::exception& error) {
        request_.warn(std::string("the profile is incomplete: ") + error.what());
    }
}

}  // namespace dvhost::compose

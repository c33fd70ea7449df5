#pragma once
/// "trace": every action on a time line that Perfetto and chrome://tracing open, and LibTorch's operators of a few steps.

#include "loops/profiler.hpp"

#include <filesystem>
#include <functional>

namespace dvhost::loops {

/// Where and what a trace records.
struct TraceOptions {
    std::filesystem::path actions;    ///< the file with all actions
    std::filesystem::path operators;  ///< the file with LibTorch's operators, by Kineto
    Profiler::Action step = Profiler::training_step;  ///< what is counted as a step
    bool from_first_step = false;  ///< operators of steps 1 to 3; otherwise one step is let pass, one warms up, three are recorded
    std::function<void(const std::string&)> warn = [](const std::string&) {};
};

class TraceProfiler final : public TimeProfiler {
public:
    TraceProfiler(const ProfiledParts& parts, TraceOptions options);
    ~TraceProfiler() override;
    void begin(Action action) override;
    void end() noexcept override;
    /// Writes the files.
    void finish() override;

private:
    class Operators;
    struct Done {
        Action action;
        std::int64_t start, duration;  ///< [ns]
    };
    void write_actions() const;

    TraceOptions options_;
    std::vector<Done> done_;
    std::size_t left_out_ = 0;
    std::unique_ptr<Operators> operators_;
};

}  // namespace dvhost::loops

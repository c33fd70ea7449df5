#pragma once
/// "memory": what each action takes from LibTorch's allocators, on the host and on devices.

#include "loops/profiler.hpp"

#include <c10/util/ThreadLocalDebugInfo.h>

#include <array>

namespace dvhost::loops {

/// Counts what the thread that made it allocates and frees, and what is done on its behalf in backward passes. Memory that was there
/// before is not counted, nor that of loader threads. Must be destroyed on the thread that made it.
class MemoryProfiler final : public Profiler {
public:
    explicit MemoryProfiler(const ProfiledParts& parts);
    ~MemoryProfiler() override;
    void begin(Action action) override;
    void end() noexcept override;
    /// Per action: calls, what they left behind in sum, the most that one added while it ran, the most in use meanwhile; then the same
    /// for devices, if any was used, and what the system says of the process.
    std::string report() const override;

private:
    class Counter;
    enum Place { host, device, n_places };
    struct Use {
        std::int64_t left = 0;   ///< bytes in use at the end minus at the start, over all calls
        std::int64_t added = 0;  ///< the most above the start
        std::int64_t peak = 0;   ///< the most in use
    };
    struct Total {
        std::int64_t calls = 0;
        std::array<Use, n_places> use;
    };
    struct Open {
        Action action;
        std::array<std::int64_t, n_places> at_start, outer_peak;
    };
    std::vector<std::vector<std::string>> rows_of(Place place) const;

    std::shared_ptr<Counter> counter_;
    c10::DebugInfoGuard guard_;
    std::vector<Open> open_;
    std::vector<Total> totals_;
};

}  // namespace dvhost::loops

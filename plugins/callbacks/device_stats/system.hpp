#pragma once
/// What Linux says of processors and memory.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace device_stats {

using Values = std::vector<std::pair<std::string, double>>;

/// Reads /proc. Not thread-safe: the load of the processors is that since the last call.
class System {
public:
    explicit System(std::filesystem::path proc = "/proc") : proc_(std::move(proc)) {}

    /// cpu_percent (of all processors, since the last call), cpu_vm_percent, cpu_swap_percent, process_rss_bytes. What cannot be read
    /// is left out.
    Values read();

private:
    std::filesystem::path proc_;
    double busy_ = 0.0, total_ = 0.0;  // [ticks] at the last call
};

}  // namespace device_stats

#pragma once
/// What NVIDIA's management library says of the GPUs. It is looked for when the program runs and may be missing.

#include "system.hpp"

#include <memory>

namespace device_stats {

class Nvml {
public:
    /// Null when there is no library, no driver, or no GPU.
    static std::unique_ptr<Nvml> open();
    ~Nvml();
    Nvml(const Nvml&) = delete;
    Nvml& operator=(const Nvml&) = delete;

    /// gpu_0/utilization_percent, memory_used_bytes, memory_percent, temperature_c, power_w of each GPU. What a GPU does not say is left
    /// out.
    Values read() const;

private:
    struct Functions;
    Nvml(void* library, std::unique_ptr<Functions> functions, unsigned n_devices);

    void* library_;
    std::unique_ptr<Functions> functions_;
    unsigned n_devices_;
};

}  // namespace device_stats

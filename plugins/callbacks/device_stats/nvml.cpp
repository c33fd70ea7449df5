#include "nvml.hpp"

#include <dlfcn.h>

namespace device_stats {

namespace {

// Of nvml.h; the library keeps these for programs that were built before.
using Device = void*;
struct Utilization {
    unsigned gpu, memory;  // [%]
};
struct Memory {
    unsigned long long total, free, used;  // [bytes]
};
constexpr int kSuccess = 0;
constexpr int kGpuTemperature = 0;

template <class Function>
bool find(void* library, const char* name, Function& out) {
    out = reinterpret_cast<Function>(::dlsym(library, name));
    return out != nullptr;
}

}  // namespace

struct Nvml::Functions {
    int (*init)();
    int (*shutdown)();
    int (*count)(unsigned*);
    int (*device)(unsigned, Device*);
    int (*utilization)(Device, Utilization*);
    int (*memory)(Device, Memory*);
    int (*temperature)(Device, int, unsigned*);
    int (*power)(Device, unsigned*);

    bool load(void* library) {
        return find(library, "nvmlInit_v2", init) && find(library, "nvmlShutdown", shutdown) &&
               find(library, "nvmlDeviceGetCount_v2", count) &&
               find(library, "nvmlDeviceGetHandleByIndex_v2", device) &&
               find(library, "nvmlDeviceGetUtilizationRates", utilization) &&
               find(library, "nvmlDeviceGetMemoryInfo", memory) &&
               find(library, "nvmlDeviceGetTemperature", temperature) &&
               find(library, "nvmlDeviceGetPowerUsage", power);
    }
};

std::unique_ptr<Nvml> Nvml::open() {
    void* library = ::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) return nullptr;
    auto functions = std::make_unique<Functions>();
    if (!functions->load(library) || functions->init() != kSuccess) {
        ::dlclose(library);
        return nullptr;
    }
    unsigned n = 0;
    if (functions->count(&n) != kSuccess) n = 0;
    std::unique_ptr<Nvml> out(new Nvml(library, std::move(functions), n));
    return n > 0 ? std::move(out) : nullptr;
}

Nvml::Nvml(void* library, std::unique_ptr<Functions> functions, unsigned n_devices)
    : library_(library), functions_(std::move(functions)), n_devices_(n_devices) {}

Nvml::~Nvml() {
    functions_->shutdown();
    ::dlclose(library_);
}

Values Nvml::read() const {
    Values out;
    for (unsigned i = 0; i < n_devices_; ++i) {
        Device device = nullptr;
        if (functions_->device(i, &device) != kSuccess) continue;
        const auto put = [&](const char* name, double value) {
            out.emplace_back("gpu_" + std::to_string(i) + "/" + name, value);
        };
        Utilization busy{};
        if (functions_->utilization(device, &busy) == kSuccess) put("utilization_percent", busy.gpu);
        Memory memory{};
        if (functions_->memory(device, &memory) == kSuccess && memory.total > 0) {
            put("memory_used_bytes", static_cast<double>(memory.used));
            put("memory_percent", 100.0 * static_cast<double>(memory.used) / static_cast<double>(memory.total));
        }
        unsigned degrees = 0, milliwatts = 0;
        if (functions_->temperature(device, kGpuTemperature, &degrees) == kSuccess) put("temperature_c", degrees);
        if (functions_->power(device, &milliwatts) == kSuccess) put("power_w", milliwatts / 1000.0);
    }
    return out;
}

}  // namespace device_stats

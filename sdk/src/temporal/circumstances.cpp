#include "circumstances.hpp"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>

#include <mutex>

namespace dv::temporal {

DrawsMark::DrawsMark(const Circuit& circuit, c10::Device device) {
    std::vector<c10::Device> devices{c10::kCPU};
    if (!device.is_cpu()) devices.push_back(device);
    for (const c10::Device& d : devices) {
        at::Generator generator = at::globalContext().defaultGenerator(d);
        const std::lock_guard lock(generator.mutex());
        generators_.push_back({generator, generator.get_state()});
    }
    if (circuit.bookmark_draws) own_ = circuit.bookmark_draws();
}

void DrawsMark::go_back() const {
    for (Of of : generators_) {
        const std::lock_guard lock(of.generator.mutex());
        of.generator.set_state(of.state);
    }
    if (own_) own_();
}

Autocast Autocast::now(c10::DeviceType type) {
    return {at::autocast::is_autocast_enabled(type), at::autocast::is_autocast_cache_enabled(),
            at::autocast::get_autocast_dtype(type)};
}

void Autocast::set(c10::DeviceType type) const {
    at::autocast::set_autocast_enabled(type, enabled);
    at::autocast::set_autocast_dtype(type, dtype);
    at::autocast::set_autocast_cache_enabled(caches);
}

}  // namespace dv::temporal

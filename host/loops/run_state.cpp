#include "loops/run_state.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>

#include <mutex>

namespace dvhost::loops {

namespace {

/// Handles of the generators that LibTorch draws from by default, by the name of their device.
std::vector<std::pair<std::string, at::Generator>> generators() {
    std::vector<std::pair<std::string, at::Generator>> out{{"cpu", at::detail::getDefaultCPUGenerator()}};
    if (!at::hasCUDA()) return out;
    for (std::size_t i = 0; i < at::getNumGPUs(); ++i) {
        out.emplace_back("cuda:" + std::to_string(i), at::globalContext().defaultGenerator(c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(i))));
    }
    return out;
}

}  // namespace

std::vector<dv::NamedTensor> generator_states() {
    std::vector<dv::NamedTensor> out;
    for (auto& [name, generator] : generators()) {
        const std::lock_guard lock(generator.mutex());
        out.push_back({name, generator.get_state(), false});
    }
    return out;
}

void restore_generators(const std::vector<dv::NamedTensor>& states) {
    for (auto& [name, generator] : generators()) {
        for (const dv::NamedTensor& state : states) {
            if (state.name != name) continue;
            const std::lock_guard lock(generator.mutex());
            generator.set_state(state.tensor);
        }
    }
}

}  // namespace dvhost::loops

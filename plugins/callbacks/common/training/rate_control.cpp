#include "rate_control.hpp"

#include <cmath>

namespace callbacks {

void RateControl::set(dv::Training& training, std::string_view group, double now, double target) {
    if (std::abs(now - target) <= 1e-12 * std::abs(target)) return;
    if (now == 0.0) {
        throw dv::Error("the schedule has made the rate of group '" + std::string(group) +
                        "' 0, and no factor makes another rate of that; end the schedule above 0");
    }
    double& factor = factors_.try_emplace(std::string(group), 1.0).first->second;
    factor *= target / now;
    training.scale_lr(group, factor);
}

void RateControl::restore(dv::Training& training) const {
    for (const auto& [group, factor] : factors_) training.scale_lr(group, factor);
}

void RateControl::save(dv::StateWriter& out) const { save_numbers(out, "factors", factors_); }
void RateControl::load(const dv::StateReader& state) { factors_ = load_numbers(state, "factors"); }

void save_numbers(dv::StateWriter& out, std::string_view key, const Rates& numbers) {
    out.table(key, [&] {
        for (const auto& [name, value] : numbers) out.put(name, value);
    });
}

Rates load_numbers(const dv::StateReader& state, std::string_view key) {
    Rates out;
    const dv::StateReader table = state.table(key);
    for (const std::string& name : table.keys()) {
        if (const auto value = table.get<double>(name)) out[name] = *value;
    }
    return out;
}

}  // namespace callbacks

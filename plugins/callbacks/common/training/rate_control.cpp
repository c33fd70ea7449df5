#include "rate_control.hpp"

#include <cmath>

namespace callbacks {

void RateControl::set(dv::Training& training, std::string_view name, double now, double target) {
    Group& group = groups_.try_emplace(std::string(name)).first->second;
    if (now != group.seen) {  // the schedule has moved, or our factor has arrived
        group.seen = now;
        group.scheduled = now / group.factor;
    }
    if (std::abs(group.scheduled * group.factor - target) <= 1e-12 * std::abs(target)) return;
    if (group.scheduled == 0.0) {
        throw dv::Error("the schedule has made the rate of group '" + std::string(name) +
                        "' 0, and no factor makes another rate of that; end the schedule above 0");
    }
    group.factor = target / group.scheduled;
    training.scale_lr(name, group.factor);
}

void RateControl::restore(dv::Training& training) const {
    for (const auto& [name, group] : groups_) training.scale_lr(name, group.factor);
}

void RateControl::save(dv::StateWriter& out) const {
    Rates factors;
    for (const auto& [name, group] : groups_) factors[name] = group.factor;
    save_numbers(out, "factors", factors);
}
void RateControl::load(const dv::StateReader& state) {
    groups_.clear();
    for (const auto& [name, factor] : load_numbers(state, "factors")) groups_[name].factor = factor;
}

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

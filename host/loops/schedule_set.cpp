#include "loops/schedule_set.hpp"

#include <dv/error.hpp>

#include <cmath>

namespace dvhost::loops {

namespace {

using Interval = dv::Schedule::Interval;

/// What `interval` will have counted when training ends; −1: not known.
std::int64_t planned(Interval interval, const ScheduleClock& clock) {
    switch (interval) {
        case Interval::step: return clock.total_steps;
        case Interval::epoch: return clock.total_epochs;
        case Interval::validation: return clock.total_epochs < 0 ? -1 : clock.total_epochs * clock.validations_per_epoch;
        case Interval::samples: return clock.total_epochs < 0 ? -1 : clock.total_epochs * clock.samples_per_epoch;
    }
    return -1;
}

/// Momentum, or the first beta.
double momentum_of(const dv::Optimizer& optimizer, std::size_t group) {
    for (const dv::GroupOption& option : optimizer.options(group)) {
        if ((option.key == "momentum" || option.key == "betas") && !option.values.empty()) return option.values.front();
    }
    return std::nan("");
}

}  // namespace

ScheduleSet::ScheduleSet(std::vector<ScheduleEntry> entries, std::vector<std::shared_ptr<dv::Optimizer>> optimizers, Warn warn)
    : entries_(std::move(entries)), states_(entries_.size()), optimizers_(std::move(optimizers)), warn_(std::move(warn)) {
    for (const auto& optimizer : optimizers_) {
        groups_.push_back(optimizer->groups());
        for (std::size_t g = 0; g < groups_.back().size(); ++g) momenta_[{groups_.size() - 1, g}] = momentum_of(*optimizer, g);
    }
    for (State& state : states_) state.momentum = std::nan("");
}

void ScheduleSet::begin(const ScheduleClock& clock) {
    if (!restored_) {
        for (std::size_t i = 0; i < entries_.size(); ++i) ask(i, clock);
    }
    apply();
}

void ScheduleSet::advance(Interval interval, bool observing, const ScheduleClock& clock, const Value& value, const Around& around) {
    bool moved = false;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const ScheduleEntry& entry = entries_[i];
        State& state = states_[i];
        if (entry.interval != interval || observes(i) != observing) continue;
        const std::int64_t before = state.happened;
        state.happened = interval == Interval::samples ? clock.samples : before + 1;
        if (state.happened / entry.frequency == before / entry.frequency) continue;
        if (observing) {
            const std::optional<double> metric = value(entry.monitor);
            if (!metric) {
                const std::string text = "schedule." + std::to_string(i) + ": 'monitor' is '" + entry.monitor +
                                         "', and nothing of that name has been logged";
                if (entry.strict) throw dv::Error(text + "; name a logged metric, or set strict = false");
                if (!has_warned_) warn_(text + "; the learning rate stays (strict = false)");
                has_warned_ = true;
                continue;
            }
            entry.schedule->observe(*metric);
        }
        ++state.count;
        around(i, [&] { ask(i, clock); });
        moved = true;
    }
    if (moved) apply();
}

void ScheduleSet::ask(std::size_t i, const ScheduleClock& clock) {
    dv_schedule_point point{};
    point.size = sizeof point;
    point.step = clock.step;
    point.epoch = clock.epoch;
    point.total_steps = clock.total_steps;
    point.total_epochs = clock.total_epochs;
    point.count = states_[i].count;
    const std::int64_t all = planned(entries_[i].interval, clock);
    point.total = all < 0 ? -1 : all / entries_[i].frequency;
    states_[i].factor = entries_[i].schedule->factor(point);
    states_[i].momentum = entries_[i].schedule->momentum(point);
}

void ScheduleSet::apply() {
    rates_.clear();
    for (std::size_t o = 0; o < optimizers_.size(); ++o) {
        double factor = 1.0, momentum = std::nan("");
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            if (entries_[i].optimizer != o) continue;
            factor *= states_[i].factor;
            if (!std::isnan(states_[i].momentum)) momentum = states_[i].momentum;
        }
        for (std::size_t g = 0; g < groups_[o].size(); ++g) {
            dv::ParameterGroup& group = groups_[o][g];
            const auto own = scales_.find(group.name), all = scales_.find(std::string_view());
            group.lr = group.base_lr * factor * (own == scales_.end() ? 1.0 : own->second) * (all == scales_.end() ? 1.0 : all->second);
            optimizers_[o]->set_lr(g, group.lr);
            if (!std::isnan(momentum)) {
                optimizers_[o]->set_momentum(g, momentum);
                momenta_[{o, g}] = momentum;
            }
            rates_.push_back({groups_.size() == 1 ? group.name : std::to_string(o) + "/" + group.name, group.lr, momenta_[{o, g}],
                              group.weight_decay});
        }
    }
}

void ScheduleSet::scale(std::string_view group, double factor) {
    bool known = group.empty();
    for (const auto& groups : groups_) {
        for (const dv::ParameterGroup& g : groups) known = known || g.name == group;
    }
    if (!known) throw dv::Error("the optimizer has no parameter group '" + std::string(group) + "'");
    scales_[std::string(group)] = factor;
    apply();
}

std::string ScheduleSet::group_of(std::string_view parameter) const {
    for (const auto& groups : groups_) {
        for (const dv::ParameterGroup& g : groups) {
            for (const dv::NamedTensor& p : g.parameters) {
                if (p.name == parameter) return g.name;
            }
        }
    }
    return {};
}

void ScheduleSet::restore(std::vector<State> states, std::map<std::string, double, std::less<>> scales, bool ask) {
    if (states.size() != states_.size()) {
        throw dv::Error("the checkpoint has " + std::to_string(states.size()) + " schedules and this run " +
                        std::to_string(states_.size()) + ": resume with the manifest that wrote it");
    }
    states_ = std::move(states);
    scales_ = std::move(scales);
    restored_ = !ask;
}

}  // namespace dvhost::loops

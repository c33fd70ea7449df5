#pragma once
/// The schedules of a run and the learning rates that follow from them.

#include <dv/schedule.hpp>
#include <dv/torch/optimizer.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dvhost::loops {

/// A schedule and when it is asked again.
struct ScheduleEntry {
    std::shared_ptr<dv::Schedule> schedule;
    std::string name;  ///< for logs; may be empty
    dv::Schedule::Interval interval = dv::Schedule::Interval::epoch;
    std::int64_t frequency = 1;
    std::string monitor;  ///< empty: it observes nothing
    bool strict = true;   ///< a metric that is not there is an error, not a warning
    std::size_t optimizer = 0;
};

/// What has to be known to count and to plan.
struct ScheduleClock {
    std::int64_t step = 0, epoch = 0, samples = 0;
    std::int64_t total_steps = -1, total_epochs = -1;  ///< −1: not known
    std::int64_t validations_per_epoch = 1, samples_per_epoch = 0;
};

/// Several schedules of one optimizer multiply.
class ScheduleSet {
public:
    using Value = std::function<std::optional<double>(const std::string& name)>;
    using Warn = std::function<void(const std::string&)>;
    /// Has the schedule with this index asked by calling `ask`, or not.
    using Around = std::function<void(std::size_t schedule, const std::function<void()>& ask)>;

    /// Optimizers are built already and outlive this object.
    ScheduleSet(std::vector<ScheduleEntry> entries, std::vector<std::shared_ptr<dv::Optimizer>> optimizers, Warn warn);

    /// Sets the rates of the start; or, after restore(), those that were.
    void begin(const ScheduleClock& clock);
    /// Something that `interval` counts has happened: those schedules whose turn it is are asked again. Schedules that observe a
    /// metric move only when `observing` is true, all others only when it is false. Throws dv::Error for a metric that is missing.
    void advance(dv::Schedule::Interval interval, bool observing, const ScheduleClock& clock, const Value& value,
                 const Around& around = [](std::size_t, const std::function<void()>& ask) { ask(); });

    /// On top of the schedules: the named group, or all when empty, times `factor`.
    void scale(std::string_view group, double factor);
    /// What is in force in one parameter group; NaN: it has no such thing.
    struct Rate {
        std::string name;
        double lr, momentum, weight_decay;
    };
    /// Of all groups of all optimizers in order.
    const std::vector<Rate>& rates() const { return rates_; }
    std::string group_of(std::string_view parameter) const;

    /// How far one schedule is, for checkpoints; in the order of the entries.
    struct State {
        std::int64_t happened = 0;  ///< what its interval counts
        std::int64_t count = 0;     ///< how often it has been asked again
        double factor = 1.0;
        double momentum = 0.0;      ///< NaN: left as it is
    };
    const std::vector<State>& states() const { return states_; }
    const std::vector<ScheduleEntry>& entries() const { return entries_; }
    const std::map<std::string, double, std::less<>>& scales() const { return scales_; }
    /// `ask`: the factors are not known and have to be asked for again.
    void restore(std::vector<State> states, std::map<std::string, double, std::less<>> scales, bool ask);

private:
    bool observes(std::size_t i) const { return !entries_[i].monitor.empty(); }
    void ask(std::size_t i, const ScheduleClock& clock);
    void apply();

    std::vector<ScheduleEntry> entries_;
    std::vector<State> states_;
    std::vector<std::shared_ptr<dv::Optimizer>> optimizers_;
    std::vector<std::vector<dv::ParameterGroup>> groups_;  // names and base rates
    std::map<std::string, double, std::less<>> scales_;
    std::map<std::pair<std::size_t, std::size_t>, double> momenta_;  // in force, by optimizer and group
    std::vector<Rate> rates_;
    Warn warn_;
    bool restored_ = false;
    bool has_warned_ = false;
};

}  // namespace dvhost::loops

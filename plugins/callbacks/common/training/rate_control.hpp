#pragma once
/// Gives parameter groups rates of a callback's own, whatever the schedule makes of them.

#include <dv/torch/callback.hpp>

#include <map>
#include <string>
#include <string_view>

namespace callbacks {

/// By factors on the scheduled rates, which are kept: a run that goes on finds them in its state. The run view may show a new factor at
/// once, or only when the schedule moves next.
class RateControl {
public:
    /// From now on the group has the rate `target`, until the schedule changes it. `now` is the rate that the run view shows. Throws
    /// dv::Error when that is 0.
    void set(dv::Training& training, std::string_view group, double now, double target);
    /// Sets the factors of an earlier process again; in on_train_start.
    void restore(dv::Training& training) const;

    void save(dv::StateWriter& out) const;
    void load(const dv::StateReader& state);

private:
    struct Group {
        double factor = 1.0;
        double seen = -1.0;      ///< what the run view showed last
        double scheduled = 0.0;  ///< without the factor
    };
    std::map<std::string, Group, std::less<>> groups_;
};

using Rates = std::map<std::string, double, std::less<>>;

/// A table of numbers in a state.
void save_numbers(dv::StateWriter& out, std::string_view key, const Rates& numbers);
Rates load_numbers(const dv::StateReader& state, std::string_view key);

}  // namespace callbacks

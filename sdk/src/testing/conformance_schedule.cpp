#include "portable_suites.hpp"

#include <cmath>
#include <optional>

namespace dv::testing {
namespace {

std::vector<SchedulePoint> grid() {
    std::vector<SchedulePoint> points;
    for (const std::int64_t total_epochs : {-1, 1, 10}) {
        const std::int64_t total_steps = total_epochs < 0 ? -1 : total_epochs * 100;
        for (const std::int64_t step : {0, 1, 2, 50, 99, 100, 101, 999, 1000, 1001, 1'000'000}) {
            points.push_back({step, step / 100, total_steps, total_epochs, step, total_steps});
        }
    }
    return points;
}

std::string place(const SchedulePoint& at) {
    return cat("step ", at.step, ", epoch ", at.epoch, " of ", at.total_steps, " steps, ", at.total_epochs, " epochs (count ", at.count,
               " of ", at.total, ")");
}

/// No value where the schedule refuses because the end of training is not known; it may not refuse a known one.
std::optional<double> factor_at(const ScheduleHandle& schedule, const SchedulePoint& at) {
    double factor = 0.0;
    const std::string refusal = refusal_of([&] { factor = schedule.factor(at); });
    if (refusal.empty()) return factor;
    expect(at.total_steps < 0, "no factor at ", place(at), ": ", refusal);
    return std::nullopt;
}

void factors_are_usable(const Subject& subject) {
    const auto schedule = subject.make<Schedule>();
    for (const SchedulePoint& at : grid()) {
        const double factor = factor_at(schedule, at).value_or(0.0);
        expect(std::isfinite(factor) && factor >= 0.0, "the factor at ", place(at), " is ", factor,
               "; a finite number that is not negative was expected");
    }
}

void momentum_is_usable(const Subject& subject) {
    const auto schedule = subject.make<Schedule>();
    for (const SchedulePoint& at : grid()) {
        if (!factor_at(schedule, at)) continue;
        const double momentum = schedule.momentum(at);
        expect(std::isnan(momentum) || (momentum >= 0.0 && momentum <= 1.0), "the momentum at ", place(at), " is ", momentum,
               "; a share of 1, or NaN for none, was expected");
    }
}

/// After its state has gone to another one, both answer alike to the same observations.
void state_continues_where_it_was(const Subject& subject) {
    auto first = subject.make<Schedule>(), second = subject.make<Schedule>();
    const auto see = [](ScheduleHandle& schedule, int from, int to) {
        std::vector<std::optional<double>> factors;
        for (int i = from; i < to; ++i) {
            schedule.observe(i < 8 ? 1.0 / (i + 1) : 1.0);
            const SchedulePoint at{i, 0, 100, 1, i, 100};
            factors.push_back(factor_at(schedule, at));
        }
        return factors;
    };
    see(first, 0, 40);
    second.load_state(first.save_state());
    expect(see(first, 40, 100) == see(second, 40, 100), "after load_state() it goes on differently than it would have");
}

void depends_on_the_point_alone(const Subject& subject) {
    const auto schedule = subject.make<Schedule>();
    const auto other = subject.make<Schedule>();
    std::vector<std::optional<double>> forward;
    const auto points = grid();
    for (const SchedulePoint& at : points) forward.push_back(factor_at(schedule, at));
    for (std::size_t i = points.size(); i-- > 0;) {
        expect(factor_at(schedule, points[i]) == forward[i], "asked again, the factor at ", place(points[i]),
               " is another");
        expect(factor_at(other, points[i]) == forward[i], "a second instance has another factor at ", place(points[i]));
    }
}

void interval_is_known(const Subject& subject) {
    const auto schedule = subject.make<Schedule>();
    const auto interval = static_cast<int>(schedule.interval());
    expect(interval >= DV_INTERVAL_STEP && interval <= DV_INTERVAL_SAMPLES, "its interval is ", interval,
           "; 0 (step), 1 (epoch), 2 (validation) or 3 (samples) was expected");
}

void newer_hosts_are_understood(const Subject& subject) {
    const auto schedule = subject.make<Schedule>();
    struct {
        dv_schedule_point known;
        std::uint64_t added[8];
    } point{{0, 0, 5, 1, 100, 10, 5, 100}, {~0u, ~0u}};
    point.known.size = sizeof point;
    double factor = -1.0;
    const Made& made = schedule.made();
    expect(made.vtable<dv_schedule_1>().factor(made.object(), &point.known, &factor) == DV_OK,
           "it refuses a dv_schedule_point of a newer host, which is larger");
    expect(factor == schedule.factor({5, 1, 100, 10, 5, 100}), "a larger dv_schedule_point changes its factor");
}

}  // namespace

void check_schedule(const Subject& subject, Checks& check) {
    check("schedule.factors_are_usable", [&] { factors_are_usable(subject); });
    check("schedule.depends_on_the_point_alone", [&] { depends_on_the_point_alone(subject); });
    check("schedule.momentum_is_usable", [&] { momentum_is_usable(subject); });
    check("schedule.state_continues_where_it_was", [&] { state_continues_where_it_was(subject); });
    check("schedule.interval_is_known", [&] { interval_is_known(subject); });
    check("schedule.newer_hosts_are_understood", [&] { newer_hosts_are_understood(subject); });
}

}  // namespace dv::testing

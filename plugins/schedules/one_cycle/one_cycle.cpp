#include "span.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>

namespace {

enum class Anneal { cos, linear };

/// Up from 1 / div_factor to 1 and down to 1 / (div_factor * final_div_factor), while momentum goes the other way (Smith &
/// Topin 2018, arXiv:1708.07120). With N counts the top is at pct_start * N - 1 and the bottom at N - 1; with three phases
/// the way down passes 1 / div_factor at 2 * pct_start * N - 2. PyTorch's OneCycleLR, whose max_lr is the optimizer's
/// learning rate.
struct OneCycle final : dv::Schedule {
    std::optional<std::int64_t> total_steps;
    double pct_start = 0, base_momentum = 0, max_momentum = 0, div_factor = 0, final_div_factor = 0;
    Anneal anneal_strategy = Anneal::cos;
    bool cycle_momentum = true, three_phase = false;
    static constexpr auto params = dv::schema(
        dv::p("total_steps", &OneCycle::total_steps, dv::unset, "length of the cycle; absent: all of training",
              dv::at_least{1}),
        dv::p("pct_start", &OneCycle::pct_start, 0.3, "share of it in which the learning rates rise",
              dv::range{0.0, 1.0}),
        dv::p("anneal_strategy", &OneCycle::anneal_strategy, Anneal::cos, "shape of each phase",
              dv::choices{"cos", "linear"}),
        dv::p("cycle_momentum", &OneCycle::cycle_momentum, true, "let momentum (or the first beta) go the other way"),
        dv::p("base_momentum", &OneCycle::base_momentum, 0.85, "momentum at the top", dv::range{0.0, 1.0}),
        dv::p("max_momentum", &OneCycle::max_momentum, 0.95, "momentum at the start and at the end",
              dv::range{0.0, 1.0}),
        dv::p("div_factor", &OneCycle::div_factor, 25.0, "the top over the start", dv::above{0.0}),
        dv::p("final_div_factor", &OneCycle::final_div_factor, 1e4, "the start over the end", dv::above{0.0}),
        dv::p("three_phase", &OneCycle::three_phase, false,
              "come down to the start first, as fast as it rose; then to the end"));

    void open() override {
        if (three_phase && pct_start > 0.5) {
            throw dv::ParameterError("pct_start",
                                     "is " + std::to_string(pct_start) +
                                         "; with three phases it is the share of the rise and of the first fall, "
                                         "and must not be above 0.5");
        }
    }
    Interval interval() const override { return Interval::step; }

    double factor(const dv_schedule_point& at) const override {
        const double start = 1.0 / div_factor, end = start / final_div_factor;
        return three_phase ? value(at, {start, 1.0, start, end}) : value(at, {start, 1.0, end});
    }
    double momentum(const dv_schedule_point& at) const override {
        if (!cycle_momentum) return Schedule::momentum(at);
        return three_phase ? value(at, {max_momentum, base_momentum, max_momentum, max_momentum})
                           : value(at, {max_momentum, base_momentum, max_momentum});
    }

private:
    /// `corners`: the values between which it goes.
    double value(const dv_schedule_point& at, std::initializer_list<double> corners) const {
        const auto n = static_cast<double>(dv::schedules::span_of(total_steps, at, "total_steps"));
        const double last = std::max(n - 1.0, 0.0), t = std::min(static_cast<double>(at.count), last);
        const std::array<double, 3> ends{pct_start * n - 1.0, three_phase ? 2.0 * pct_start * n - 2.0 : last, last};
        const std::span<const double> v(corners.begin(), corners.size());
        double begin = 0.0;
        std::size_t phase = 0;
        while (phase + 2 < v.size() && t > ends[phase]) begin = ends[phase++];
        const double length = ends[phase] - begin;
        const double share = length > 0.0 ? (t - begin) / length : 1.0;
        return anneal_strategy == Anneal::cos ? dv::schedules::cosine(v[phase], v[phase + 1], share)
                                              : dv::schedules::line(v[phase], v[phase + 1], share);
    }
};

}  // namespace
DV_COMPONENT(OneCycle, "dvhost.schedule.one_cycle",
             "One rise and one fall over all of training, momentum the other way");

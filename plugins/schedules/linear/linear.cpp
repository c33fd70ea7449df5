#include "span.hpp"

#include <algorithm>
#include <optional>

namespace {

/// f(t) = start_factor + (end_factor - start_factor) * min(t, T) / T. PyTorch's LinearLR.
struct Linear final : dv::Schedule {
    double start_factor = 0, end_factor = 0;
    std::optional<std::int64_t> total_iters;
    static constexpr auto params =
        dv::schema(dv::p("start_factor", &Linear::start_factor, 1.0, "factor at the start", dv::at_least{0.0}),
                   dv::p("end_factor", &Linear::end_factor, 0.0, "factor at the end, and after it", dv::at_least{0.0}),
                   dv::p("total_iters", &Linear::total_iters, dv::unset,
                         "where end_factor is reached; absent: at the planned end of training", dv::at_least{1}));

    double factor(const dv_schedule_point& at) const override {
        const std::int64_t end = dv::schedules::span_of(total_iters, at, "total_iters");
        if (at.count >= end) return end_factor;
        return dv::schedules::line(start_factor, end_factor, static_cast<double>(at.count) / static_cast<double>(end));
    }
};

}  // namespace
DV_COMPONENT(Linear, "dvhost.schedule.linear", "A straight line from one factor to another");

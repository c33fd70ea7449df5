#include "span.hpp"

#include <cmath>
#include <optional>

namespace {

/// f(t) = (1 - min(t, T) / T) ^ power. PyTorch's PolynomialLR.
struct Polynomial final : dv::Schedule {
    std::optional<std::int64_t> total_iters;
    double power = 0;
    static constexpr auto params =
        dv::schema(dv::p("total_iters", &Polynomial::total_iters, dv::unset,
                         "where 0 is reached; absent: at the planned end of training", dv::at_least{1}),
                   dv::p("power", &Polynomial::power, 1.0, "1: a straight line; 2: a parabola", dv::above{0.0}));

    double factor(const dv_schedule_point& at) const override {
        const std::int64_t end = dv::schedules::span_of(total_iters, at, "total_iters");
        if (at.count >= end) return 0.0;
        return std::pow(1.0 - static_cast<double>(at.count) / static_cast<double>(end), power);
    }
};

}  // namespace
DV_COMPONENT(Polynomial, "dvhost.schedule.polynomial", "A power of a straight line down to zero");

#include "span.hpp"

#include <optional>

namespace {

/// Half a cosine from 1 down to m, reached at T and kept:
///
///     f(t) = m + (1 - m) * (1 + cos(pi * t / T)) / 2  t < T
///     f(t) = m                                        T <= t
///
/// The closed form of PyTorch's CosineAnnealingLR up to T_max, with eta_min = m * base_lr (Loshchilov & Hutter 2017, SGDR,
/// equation 5, without restarts). CosineAnnealingLR rises again after T_max; this does not.
struct Cosine final : dv::Schedule {
    std::optional<std::int64_t> t_max;
    double min_factor = 0.0;
    static constexpr auto params =
        dv::schema(dv::p("t_max", &Cosine::t_max, dv::unset,
                         "where min_factor is reached; absent: at the planned end of training", dv::at_least{1}),
                   dv::p("min_factor", &Cosine::min_factor, 0.0, "factor at the end", dv::range{0.0, 1.0}));

    double factor(const dv_schedule_point& at) const override {
        const std::int64_t end = dv::schedules::span_of(t_max, at, "t_max");
        if (at.count >= end) return min_factor;
        return dv::schedules::cosine(1.0, min_factor, static_cast<double>(at.count) / static_cast<double>(end));
    }
};

}  // namespace
DV_COMPONENT(Cosine, "dvhost.schedule.cosine", "Half a cosine down to min_factor");

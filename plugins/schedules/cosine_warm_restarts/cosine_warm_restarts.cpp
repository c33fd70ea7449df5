#include "span.hpp"

#include <limits>

namespace {

/// Half cosines from 1 down to m, one after the other, the i-th of length T_i = t_0 * t_mult ^ i; with s counts since it
/// began
///
///     f = m + (1 - m) * (1 + cos(pi * s / T_i)) / 2
///
/// PyTorch's CosineAnnealingWarmRestarts with eta_min = m * base_lr (Loshchilov & Hutter 2017, SGDR, equation 5).
struct CosineWarmRestarts final : dv::Schedule {
    std::int64_t t_0 = 0, t_mult = 0;
    double min_factor = 0.0;
    static constexpr auto params = dv::schema(
        dv::p("t_0", &CosineWarmRestarts::t_0, 1, "length of the first cosine", dv::required, dv::at_least{1}),
        dv::p("t_mult", &CosineWarmRestarts::t_mult, 1, "how many times longer each cosine is than the one before",
              dv::at_least{1}),
        dv::p("min_factor", &CosineWarmRestarts::min_factor, 0.0, "factor that each cosine goes down to",
              dv::range{0.0, 1.0}));

    double factor(const dv_schedule_point& at) const override {
        std::int64_t since = at.count, length = t_0;
        if (t_mult == 1) since %= length;
        while (since >= length) {
            since -= length;
            if (length > std::numeric_limits<std::int64_t>::max() / t_mult) break;  // longer than any training
            length *= t_mult;
        }
        return dv::schedules::cosine(1.0, min_factor, static_cast<double>(since) / static_cast<double>(length));
    }
};

}  // namespace
DV_COMPONENT(CosineWarmRestarts, "dvhost.schedule.cosine_warm_restarts",
             "Half cosines one after the other, each from the top");

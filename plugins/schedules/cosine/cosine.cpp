#include <dv/schedule.hpp>

#include <cmath>
#include <numbers>
#include <optional>
#include <string>

namespace {

/// Linear warm-up over w points, then half a cosine from 1 down to m, reached at T and kept:
///
///     f(t) = (t + 1) / (w + 1)                                    t < w
///     f(t) = m + (1 - m) * (1 + cos(pi * (t - w) / (T - w))) / 2  w <= t < T
///     f(t) = m                                                    T <= t
///
/// With w = 0 this is the closed form of PyTorch's CosineAnnealingLR up to T_max, with eta_min = m * base_lr
/// (Loshchilov & Hutter 2017, SGDR, equation 5, without restarts). CosineAnnealingLR rises again after T_max; this
/// does not.
struct Cosine final : dv::Schedule {
    std::optional<std::int64_t> t_max;
    double min_factor = 0.0;
    std::int64_t warmup_steps = 0;
    Interval counted_by = Interval::epoch;
    static constexpr auto params =
        dv::schema(dv::p("t_max", &Cosine::t_max, dv::unset,
                         "where min_factor is reached, warm-up included, in units of interval; absent: at the planned "
                         "end of training",
                         dv::at_least{1}),
                   dv::p("min_factor", &Cosine::min_factor, 0.0, "factor at the end", dv::range{0.0, 1.0}),
                   dv::p("warmup_steps", &Cosine::warmup_steps, 0, "length of the linear warm-up, in units of interval",
                         dv::at_least{0}),
                   dv::p("interval", &Cosine::counted_by, Interval::epoch, "what is counted: optimizer steps or epochs",
                         dv::choices("step", "epoch")));

    void open() override {
        if (!t_max || warmup_steps < *t_max) return;
        throw dv::ParameterError("warmup_steps", "is " + std::to_string(warmup_steps) + " and must be below t_max (" +
                                                     std::to_string(*t_max) + "), both in " + unit());
    }

    Interval interval() const override { return counted_by; }

    double factor(const dv_schedule_point& at) const override {
        const bool by_step = counted_by == Interval::step;
        const std::int64_t t = by_step ? at.step : at.epoch;
        if (t < warmup_steps) return static_cast<double>(t + 1) / static_cast<double>(warmup_steps + 1);

        const std::int64_t end = t_max ? *t_max : by_step ? at.total_steps : at.total_epochs;
        if (end < 0) {
            throw dv::ParameterError("t_max", "is absent, and the end of training is not known in " + unit() +
                                                  "; give t_max, or limit training (max_epochs, max_steps)");
        }
        if (t >= end) return min_factor;
        const double passed = static_cast<double>(t - warmup_steps) / static_cast<double>(end - warmup_steps);
        return min_factor + (1.0 - min_factor) * (1.0 + std::cos(std::numbers::pi * passed)) / 2.0;
    }

private:
    std::string unit() const { return counted_by == Interval::step ? "steps" : "epochs"; }
};

}  // namespace
DV_COMPONENT(Cosine, "dvhost.schedule.cosine", "Half a cosine down to min_factor, after an optional linear warm-up");

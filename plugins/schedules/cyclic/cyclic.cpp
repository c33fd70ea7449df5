#include "span.hpp"

#include <cmath>
#include <optional>

namespace {

enum class Mode { triangular, triangular2, exp_range };

/// Up from 1 to max_factor and down again, over and over, while momentum goes the other way (Smith 2017,
/// arXiv:1506.01186). The height of a cycle is scaled by 1 (triangular), 1/2 per cycle (triangular2) or gamma ^ t
/// (exp_range). PyTorch's CyclicLR, whose base_lr is the optimizer's learning rate and whose max_lr is max_factor times it.
struct Cyclic final : dv::Schedule {
    double max_factor = 0, gamma = 0, base_momentum = 0, max_momentum = 0;
    std::int64_t step_size_up = 0;
    std::optional<std::int64_t> step_size_down;
    Mode mode = Mode::triangular;
    bool cycle_momentum = true;
    static constexpr auto params = dv::schema(
        dv::p("max_factor", &Cyclic::max_factor, 1.0, "factor at the top of a cycle", dv::required, dv::at_least{0.0}),
        dv::p("step_size_up", &Cyclic::step_size_up, 2000, "length of the rise", dv::at_least{1}),
        dv::p("step_size_down", &Cyclic::step_size_down, dv::unset, "length of the fall; absent: that of the rise",
              dv::at_least{1}),
        dv::p("mode", &Cyclic::mode, Mode::triangular,
              "cycles of equal height, halved from one to the next, or times gamma per count",
              dv::choices{"triangular", "triangular2", "exp_range"}),
        dv::p("gamma", &Cyclic::gamma, 1.0, "of exp_range", dv::range{0.0, 1.0}),
        dv::p("cycle_momentum", &Cyclic::cycle_momentum, true, "let momentum (or the first beta) go the other way"),
        dv::p("base_momentum", &Cyclic::base_momentum, 0.8, "momentum at the top of a cycle", dv::range{0.0, 1.0}),
        dv::p("max_momentum", &Cyclic::max_momentum, 0.9, "momentum between two cycles", dv::range{0.0, 1.0}));

    Interval interval() const override { return Interval::step; }

    double factor(const dv_schedule_point& at) const override {
        return dv::schedules::line(1.0, max_factor, height(at.count));
    }
    double momentum(const dv_schedule_point& at) const override {
        return cycle_momentum ? dv::schedules::line(max_momentum, base_momentum, height(at.count))
                              : Schedule::momentum(at);
    }

private:
    /// 0 at a cycle's ends, 1 at the top of a full one.
    double height(std::int64_t count) const {
        const std::int64_t down = step_size_down.value_or(step_size_up), length = step_size_up + down;
        const std::int64_t cycle = count / length, since = count % length;
        const double tooth = since <= step_size_up ? static_cast<double>(since) / static_cast<double>(step_size_up)
                                                   : static_cast<double>(length - since) / static_cast<double>(down);
        switch (mode) {
            case Mode::triangular: break;
            case Mode::triangular2: return tooth * std::pow(0.5, static_cast<double>(cycle));
            case Mode::exp_range: return tooth * std::pow(gamma, static_cast<double>(count));
        }
        return tooth;
    }
};

}  // namespace
DV_COMPONENT(Cyclic, "dvhost.schedule.cyclic", "Up and down between two factors, over and over");

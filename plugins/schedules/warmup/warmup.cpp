#include "span.hpp"

#include <dv/factory.hpp>

#include <algorithm>
#include <memory>
#include <optional>

namespace {

/// For the first n counts a straight line from start_factor to 1, times where `then` begins; after them `then`, which
/// counts from there. As PyTorch's SequentialLR of LinearLR and another (Goyal et al. 2017, arXiv:1706.02677, gradual
/// warm-up).
struct Warmup final : dv::Schedule {
    std::int64_t n = 0;
    std::optional<double> start_factor;
    dv::Factory<dv::Schedule> then;
    static constexpr auto params = dv::schema(
        dv::p("n", &Warmup::n, 1, "length of the warm-up", dv::required, dv::at_least{0}),
        dv::p("start_factor", &Warmup::start_factor, dv::unset,
              "factor at the start; absent: 1 / (n + 1), so that all steps of the rise are equal", dv::range{0.0, 1.0}),
        dv::p("then", &Warmup::then, "constant", "the schedule that follows"));

    void open() override {
        then_ = then.make("then");
        if (!then_->is_observing()) return;
        throw dv::ParameterError(
            "then", "is '" + then.type() +
                        "', which follows a metric; give it a [[schedule]] table of its own, with its `monitor`, "
                        "beside this one: the factors of several multiply");
    }
    Interval interval() const override { return then_->interval(); }

    double factor(const dv_schedule_point& at) const override {
        return ramp(at.count) * then_->factor(seen_by_then(at));
    }
    double momentum(const dv_schedule_point& at) const override { return then_->momentum(seen_by_then(at)); }

    void save_state(dv::StateWriter& out) const override {
        out.table("then", [&] { then_->save_state(out); });
    }
    void load_state(const dv::StateReader& state) override { then_->load_state(state.table("then")); }

private:
    double ramp(std::int64_t t) const {
        if (t >= n) return 1.0;
        return dv::schedules::line(start_factor.value_or(1.0 / static_cast<double>(n + 1)), 1.0,
                                   static_cast<double>(t) / static_cast<double>(n));
    }
    /// What follows starts when the warm-up is over; a training that ends before that leaves it at its start.
    dv_schedule_point seen_by_then(dv_schedule_point at) const {
        at.count = std::max<std::int64_t>(at.count - n, 0);
        if (at.total >= 0) at.total = std::max<std::int64_t>(at.total - n, 1);
        return at;
    }

    std::shared_ptr<dv::Schedule> then_;
};

}  // namespace
DV_COMPONENT(Warmup, "dvhost.schedule.warmup", "A linear warm-up before any other schedule");

#include <dv/schedule.hpp>

#include <optional>

namespace {

/// f(t) = factor, all the time or until t = total_iters; then 1. PyTorch's ConstantLR.
struct Constant final : dv::Schedule {
    double level = 1.0;
    std::optional<std::int64_t> total_iters;
    static constexpr auto params =
        dv::schema(dv::p("factor", &Constant::level, 1.0, "factor on the base learning rates", dv::at_least{0.0}),
                   dv::p("total_iters", &Constant::total_iters, dv::unset,
                         "how long; after it the factor is 1; absent: for ever", dv::at_least{0}));

    double factor(const dv_schedule_point& at) const override {
        return !total_iters || at.count < *total_iters ? level : 1.0;
    }
};

}  // namespace
DV_COMPONENT(Constant, "dvhost.schedule.constant", "Keeps the learning rates as they are, times a factor");

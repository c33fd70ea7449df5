#include <dv/schedule.hpp>

namespace {

/// The same factor all the time.
struct Constant final : dv::Schedule {
    double level = 1.0;
    static constexpr auto params =
        dv::schema(dv::p("factor", &Constant::level, 1.0, "factor on the base learning rates", dv::at_least{0.0}));

    double factor(const dv_schedule_point&) const override { return level; }
};

}  // namespace
DV_COMPONENT(Constant, "dvhost.schedule.constant", "Keeps the learning rates as they are, times a factor");

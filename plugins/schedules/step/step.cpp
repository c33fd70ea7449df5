#include <dv/schedule.hpp>

#include <cmath>

namespace {

/// f(t) = gamma ^ floor(t / step_size). PyTorch's StepLR.
struct Step final : dv::Schedule {
    std::int64_t step_size = 0;
    double gamma = 0;
    static constexpr auto params =
        dv::schema(dv::p("step_size", &Step::step_size, 1, "how long between two drops", dv::required, dv::at_least{1}),
                   dv::p("gamma", &Step::gamma, 0.1, "what each drop multiplies by", dv::above{0.0}));

    double factor(const dv_schedule_point& at) const override {
        return std::pow(gamma, static_cast<double>(at.count / step_size));
    }
};

}  // namespace
DV_COMPONENT(Step, "dvhost.schedule.step", "Drops by gamma at equal distances");

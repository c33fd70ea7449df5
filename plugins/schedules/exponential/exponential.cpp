#include <dv/schedule.hpp>

#include <cmath>

namespace {

/// f(t) = gamma ^ t. PyTorch's ExponentialLR.
struct Exponential final : dv::Schedule {
    double gamma = 0;
    static constexpr auto params = dv::schema(
        dv::p("gamma", &Exponential::gamma, 1.0, "what each count multiplies by", dv::required, dv::range{0.0, 1.0}));

    double factor(const dv_schedule_point& at) const override { return std::pow(gamma, static_cast<double>(at.count)); }
};

}  // namespace
DV_COMPONENT(Exponential, "dvhost.schedule.exponential", "Multiplies by gamma again and again");

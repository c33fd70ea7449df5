#include <dv/schedule.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace {

/// f(t) = gamma ^ (how many milestones are <= t). PyTorch's MultiStepLR.
struct MultiStep final : dv::Schedule {
    std::vector<std::int64_t> milestones;
    double gamma = 0;
    static constexpr auto params =
        dv::schema(dv::p("milestones", &MultiStep::milestones, dv::empty,
                         "where it drops, ascending; one named twice counts twice", dv::required, dv::at_least{0}),
                   dv::p("gamma", &MultiStep::gamma, 0.1, "what each drop multiplies by", dv::above{0.0}));

    void open() override {
        if (milestones.empty()) throw dv::ParameterError("milestones", "is empty; name at least one, such as [30, 60]");
        const auto fall = std::is_sorted_until(milestones.begin(), milestones.end());
        if (fall != milestones.end()) {
            throw dv::ParameterError(
                "milestones", "must ascend, but " + std::to_string(*fall) + " follows " + std::to_string(*(fall - 1)));
        }
    }
    double factor(const dv_schedule_point& at) const override {
        const auto passed = std::upper_bound(milestones.begin(), milestones.end(), at.count) - milestones.begin();
        return std::pow(gamma, static_cast<double>(passed));
    }
};

}  // namespace
DV_COMPONENT(MultiStep, "dvhost.schedule.multistep", "Drops by gamma at given milestones");

// A schedule says the factor on the optimizer's base learning rates. It is a function of how often it has been asked
// again (at.count, of at.total), and of nothing else: no state, so that a resumed run goes on exactly where it was. What
// is counted (steps, epochs, validations, samples) and how often are the manifest's business: `interval`, `frequency`.
#include <dv/schedule.hpp>

#include <algorithm>

namespace {

/// Linear warm-up: from `start` to 1 over the first `steps` counts, then 1 (Goyal et al. 2017, arXiv:1706.02677).
struct @CLASS_NAME@ final : dv::Schedule {
    std::int64_t steps = 0;
    double start = 0;
    static constexpr auto params = dv::schema(
        dv::p("steps", &@CLASS_NAME@::steps, 100, "counts until the full learning rate", dv::at_least{1}),
        dv::p("start", &@CLASS_NAME@::start, 0.1, "factor on the learning rate at the start", dv::range{0, 1}));

    // Asked again after every optimizer step, unless the manifest says otherwise.
    Interval interval() const override { return Interval::step; }

    double factor(const dv_schedule_point& at) const override {
        const double progress = static_cast<double>(at.count) / static_cast<double>(steps);
        return start + (1.0 - start) * std::min(progress, 1.0);
    }
};

}  // namespace

DV_COMPONENT(@CLASS_NAME@, "@ID@", "Linear warm-up of the learning rate");

#include "tests/golden.hpp"

#include <vector>

namespace {

using namespace dv::schedules::testing;
using dv::testing::Plugin;

const std::vector<Golden> kGoldens{
#include "goldens/cyclic.inc"
};

TEST(CyclicSchedule, EqualsPyTorchsCyclicLR) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    for (const Golden& golden : kGoldens) expect_equals_golden(plugin, golden);
}

TEST(CyclicSchedule, RisesAndFallsAndMomentumTheOtherWay) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto schedule =
        plugin.make<dv::Schedule>("cyclic", {{"max_factor", 3.0}, {"step_size_up", 2}, {"step_size_down", 4}});
    EXPECT_EQ(schedule.interval(), dv::Schedule::Interval::step);
    for (const int start : {0, 6, 600}) {
        EXPECT_DOUBLE_EQ(schedule.factor(at(start)), 1.0) << start;
        EXPECT_DOUBLE_EQ(schedule.factor(at(start + 2)), 3.0) << start;
        EXPECT_DOUBLE_EQ(schedule.factor(at(start + 4)), 2.0) << start;
        EXPECT_DOUBLE_EQ(schedule.momentum(at(start)), 0.9) << start;
        EXPECT_DOUBLE_EQ(schedule.momentum(at(start + 2)), 0.8) << start;
    }
}

}  // namespace

#include "tests/golden.hpp"

#include <vector>

namespace {

using namespace dv::schedules::testing;
using dv::testing::Plugin;

const std::vector<Golden> kGoldens{
#include "goldens/linear.inc"
};

TEST(LinearSchedule, EqualsPyTorchsLinearLR) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    for (const Golden& golden : kGoldens) expect_equals_golden(plugin, golden);
}

TEST(LinearSchedule, FallsToZeroOverAllOfTrainingUnlessTold) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto schedule = plugin.make<dv::Schedule>();
    EXPECT_EQ(schedule.factor(at(0, 8)), 1.0);
    EXPECT_EQ(schedule.factor(at(2, 8)), 0.75);
    EXPECT_EQ(schedule.factor(at(8, 8)), 0.0);
    EXPECT_EQ(schedule.factor(at(9, 8)), 0.0);
}

}  // namespace

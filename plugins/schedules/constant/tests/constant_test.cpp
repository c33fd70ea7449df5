#include "tests/golden.hpp"

#include <vector>

namespace {

using namespace dv::schedules::testing;
using dv::testing::Plugin;

const std::vector<Golden> kGoldens{
#include "goldens/constant.inc"
};

TEST(ConstantSchedule, EqualsPyTorchsConstantLR) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    for (const Golden& golden : kGoldens) expect_equals_golden(plugin, golden);
}

TEST(ConstantSchedule, LeavesTheRatesAloneUnlessTold) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto schedule = plugin.make<dv::Schedule>();
    EXPECT_EQ(schedule.factor(at(0)), 1.0);
    EXPECT_EQ(schedule.factor(at(1000000, 10)), 1.0);
}

TEST(ConstantSchedule, GivesItsFactorAtEveryPoint) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto schedule = plugin.make<dv::Schedule>("constant", {{"factor", 0.25}});
    EXPECT_EQ(schedule.factor(at(0)), 0.25);
    EXPECT_EQ(schedule.factor(at(7, 9)), 0.25);
}

TEST(ConstantSchedule, NegativeRatesAreRefused) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    EXPECT_THROW(plugin.make<dv::Schedule>("constant", {{"factor", -0.1}}), std::invalid_argument);
}

}  // namespace

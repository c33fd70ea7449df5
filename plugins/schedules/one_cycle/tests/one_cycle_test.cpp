#include "tests/golden.hpp"

#include <vector>

namespace {

using namespace dv::schedules::testing;
using dv::testing::Plugin;

const std::vector<Golden> kGoldens{
#include "goldens/one_cycle.inc"
};

TEST(OneCycleSchedule, EqualsPyTorchsOneCycleLR) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    for (const Golden& golden : kGoldens) expect_equals_golden(plugin, golden);
}

TEST(OneCycleSchedule, GoesThroughItsCorners) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto schedule =
        plugin.make<dv::Schedule>("one_cycle", {{"pct_start", 0.5}, {"div_factor", 10.0}, {"final_div_factor", 100.0}});
    EXPECT_DOUBLE_EQ(schedule.factor(at(0, 20)), 0.1);
    EXPECT_DOUBLE_EQ(schedule.momentum(at(0, 20)), 0.95);
    EXPECT_DOUBLE_EQ(schedule.factor(at(9, 20)), 1.0);
    EXPECT_DOUBLE_EQ(schedule.momentum(at(9, 20)), 0.85);
    EXPECT_DOUBLE_EQ(schedule.factor(at(14, 20)), (1.0 + 0.001) / 2.0);
    EXPECT_DOUBLE_EQ(schedule.factor(at(19, 20)), 0.001);
    EXPECT_DOUBLE_EQ(schedule.factor(at(500, 20)), 0.001);
}

TEST(OneCycleSchedule, CountsStepsUnlessTheManifestSaysOtherwise) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    EXPECT_EQ(plugin.make<dv::Schedule>().interval(), dv::Schedule::Interval::step);
}

TEST(OneCycleSchedule, IsANumberForTheShortestTrainings) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    for (const char* parameters :
         {"pct_start = 0.0", "pct_start = 0.5, three_phase = true", "pct_start = 0.5", "pct_start = 1.0"}) {
        const auto schedule = plugin.make<dv::Schedule>({}, dv::testing::Config::parse(parameters));
        for (int total = 0; total < 4; ++total) {
            for (int count = 0; count < 4; ++count) {
                EXPECT_TRUE(std::isfinite(schedule.factor(at(count, total))))
                    << parameters << ", " << count << " of " << total;
                EXPECT_TRUE(std::isfinite(schedule.momentum(at(count, total))))
                    << parameters << ", " << count << " of " << total;
            }
        }
    }
}

TEST(OneCycleSchedule, RefusesThreePhasesThatDoNotFit) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    EXPECT_NE(refusal(plugin, "three_phase = true, pct_start = 0.6").find("'pct_start' is 0.6"), std::string::npos);
}

}  // namespace

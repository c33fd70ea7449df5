#include "tests/golden.hpp"

#include <vector>

namespace {

using namespace dv::schedules::testing;
using dv::testing::Plugin;

const std::vector<Golden> kGoldens{
#include "goldens/multistep.inc"
};

TEST(MultiStepSchedule, EqualsPyTorchsMultiStepLR) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    for (const Golden& golden : kGoldens) expect_equals_golden(plugin, golden);
}

TEST(MultiStepSchedule, DropsAtItsMilestones) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto schedule =
        plugin.make<dv::Schedule>("multistep", {{"milestones", dv::testing::list(3, 7)}, {"gamma", 0.5}});
    EXPECT_EQ(schedule.factor(at(2)), 1.0);
    EXPECT_EQ(schedule.factor(at(3)), 0.5);
    EXPECT_EQ(schedule.factor(at(6)), 0.5);
    EXPECT_EQ(schedule.factor(at(700)), 0.25);
}

TEST(MultiStepSchedule, RefusesMilestonesThatDoNotAscend) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    EXPECT_NE(refusal(plugin, "milestones = [5, 3]").find("'milestones' must ascend, but 3 follows 5"),
              std::string::npos);
    EXPECT_NE(refusal(plugin, "milestones = []").find("'milestones' is empty"), std::string::npos);
}

}  // namespace

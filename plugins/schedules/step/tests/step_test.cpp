#include "tests/golden.hpp"

#include <vector>

namespace {

using namespace dv::schedules::testing;
using dv::testing::Plugin;

const std::vector<Golden> kGoldens{
#include "goldens/step.inc"
};

TEST(StepSchedule, EqualsPyTorchsStepLR) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    for (const Golden& golden : kGoldens) expect_equals_golden(plugin, golden);
}

TEST(StepSchedule, DropsAtMultiplesOfItsSize) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto schedule = plugin.make<dv::Schedule>("step", {{"step_size", 30}, {"gamma", 0.5}});
    EXPECT_EQ(schedule.factor(at(29)), 1.0);
    EXPECT_EQ(schedule.factor(at(30)), 0.5);
    EXPECT_EQ(schedule.factor(at(90)), 0.125);
}

}  // namespace

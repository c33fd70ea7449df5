#include "tests/golden.hpp"

#include <vector>

namespace {

using namespace dv::schedules::testing;
using dv::testing::Plugin;

const std::vector<Golden> kGoldens{
#include "goldens/exponential.inc"
};

TEST(ExponentialSchedule, EqualsPyTorchsExponentialLR) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    for (const Golden& golden : kGoldens) expect_equals_golden(plugin, golden);
}

TEST(ExponentialSchedule, HalvesEveryTimeWhenGammaIsOneHalf) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto schedule = plugin.make<dv::Schedule>("exponential", {{"gamma", 0.5}});
    EXPECT_EQ(schedule.factor(at(0)), 1.0);
    EXPECT_EQ(schedule.factor(at(3)), 0.125);
}

}  // namespace

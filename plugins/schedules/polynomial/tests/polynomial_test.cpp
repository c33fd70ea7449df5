#include "tests/golden.hpp"

#include <vector>

namespace {

using namespace dv::schedules::testing;
using dv::testing::Plugin;

const std::vector<Golden> kGoldens{
#include "goldens/polynomial.inc"
};

TEST(PolynomialSchedule, EqualsPyTorchsPolynomialLR) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    for (const Golden& golden : kGoldens) expect_equals_golden(plugin, golden);
}

TEST(PolynomialSchedule, OfPowerTwoIsAParabola) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto schedule = plugin.make<dv::Schedule>("polynomial", {{"power", 2.0}});
    EXPECT_EQ(schedule.factor(at(0, 8)), 1.0);
    EXPECT_EQ(schedule.factor(at(4, 8)), 0.25);
    EXPECT_EQ(schedule.factor(at(8, 8)), 0.0);
    EXPECT_EQ(schedule.factor(at(80, 8)), 0.0);
}

}  // namespace

#include "tests/golden.hpp"

#include <vector>

namespace {

using namespace dv::schedules::testing;
using dv::testing::Plugin;

const std::vector<Golden> kGoldens{
#include "goldens/cosine_warm_restarts.inc"
};

TEST(CosineWarmRestarts, EqualsPyTorchsCosineAnnealingWarmRestarts) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    for (const Golden& golden : kGoldens) expect_equals_golden(plugin, golden);
}

TEST(CosineWarmRestarts, EachCosineIsLongerThanTheOneBefore) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto schedule = plugin.make<dv::Schedule>("cosine_warm_restarts", {{"t_0", 2}, {"t_mult", 2}});
    for (const int start : {0, 2, 6, 14, 30}) EXPECT_EQ(schedule.factor(at(start)), 1.0) << start;
    for (const int middle : {1, 4, 10, 22}) EXPECT_DOUBLE_EQ(schedule.factor(at(middle)), 0.5) << middle;
}

TEST(CosineWarmRestarts, BearsCountsOfAnySize) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    for (const int t_mult : {1, 2, 1000}) {
        const auto schedule = plugin.make<dv::Schedule>("cosine_warm_restarts", {{"t_0", 1}, {"t_mult", t_mult}});
        const double factor = schedule.factor(at(INT64_MAX));
        EXPECT_TRUE(factor >= 0.0 && factor <= 1.0) << t_mult;
    }
}

}  // namespace

#include "tests/golden.hpp"

#include <vector>

namespace {

using namespace dv::schedules::testing;
using dv::testing::Plugin;

const std::vector<Golden> kGoldens{
#include "goldens/plateau.inc"
};

TEST(PlateauSchedule, EqualsPyTorchsReduceLROnPlateau) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    for (const Golden& golden : kGoldens) expect_equals_golden(plugin, golden);
}

TEST(PlateauSchedule, ReducesAtTheFirstValueThatIsNotBetterWhenItHasNoPatience) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    auto schedule = plugin.make<dv::Schedule>("plateau", {{"patience", 0}, {"factor", 0.5}});
    EXPECT_TRUE(schedule.is_observing());
    EXPECT_EQ(schedule.factor(at(0)), 1.0);
    schedule.observe(2.0);
    EXPECT_EQ(schedule.factor(at(1)), 1.0);
    schedule.observe(2.0);
    EXPECT_EQ(schedule.factor(at(2)), 0.5);
    schedule.observe(1.0);
    EXPECT_EQ(schedule.factor(at(3)), 0.5);
}

TEST(PlateauSchedule, GoesOnFromItsStateUnderPyTorchsNames) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const dv::testing::Config config{{"patience", 1}, {"factor", 0.5}, {"cooldown", 3}};
    auto first = plugin.make<dv::Schedule>("plateau", config);
    for (const double value : {1.0, 1.0, 1.0, 1.0, 1.0}) first.observe(value);
    const dv::testing::Config state = first.save_state();
    EXPECT_EQ(state,
              (dv::testing::Config{{"best", 1.0}, {"num_bad_epochs", 0}, {"cooldown_counter", 1}, {"scale", 0.5}}));

    auto second = plugin.make<dv::Schedule>("plateau", config);
    second.load_state(state);
    EXPECT_EQ(second.factor(at(5)), 0.5);
    for (int i = 0; i < 12; ++i) {
        first.observe(1.0);
        second.observe(1.0);
        ASSERT_EQ(second.factor(at(6 + i)), first.factor(at(6 + i))) << i;
    }
    EXPECT_LT(second.factor(at(18)), 0.5);
}

TEST(PlateauSchedule, BeginsWithoutABestValueInBothModes) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    for (const char* mode : {"min", "max"}) {
        auto schedule = plugin.make<dv::Schedule>("plateau", {{"mode", mode}, {"patience", 0}});
        schedule.observe(0.0);
        EXPECT_EQ(schedule.factor(at(1)), 1.0) << mode;
    }
}

}  // namespace

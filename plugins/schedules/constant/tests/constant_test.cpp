#include <dv/testing/load.hpp>

#include <gtest/gtest.h>

namespace {

using dv::testing::Plugin;

TEST(ConstantSchedule, LeavesTheRatesAloneUnlessTold) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto schedule = plugin.make<dv::Schedule>();
    EXPECT_EQ(schedule.factor({.step = 0}), 1.0);
    EXPECT_EQ(schedule.factor({.step = 1000000, .epoch = 90, .total_steps = 10}), 1.0);
}

TEST(ConstantSchedule, GivesItsFactorAtEveryPoint) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto schedule = plugin.make<dv::Schedule>("constant", {{"factor", 0.25}});
    EXPECT_EQ(schedule.factor({.step = 0}), 0.25);
    EXPECT_EQ(schedule.factor({.step = 7, .epoch = 3, .total_steps = 9, .total_epochs = 4}), 0.25);
}

TEST(ConstantSchedule, NegativeRatesAreRefused) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    EXPECT_THROW(plugin.make<dv::Schedule>("constant", {{"factor", -0.1}}), std::invalid_argument);
}

}  // namespace

#include <dv/testing/load.hpp>

#include <gtest/gtest.h>

using dv::testing::Plugin;

namespace {

TEST(@CLASS_NAME@, RisesLinearlyToOne) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto schedule = plugin.make<dv::Schedule>("@ID@", {{"steps", 10}, {"start", 0.2}});
    EXPECT_DOUBLE_EQ(schedule.factor({.count = 0}), 0.2);
    EXPECT_DOUBLE_EQ(schedule.factor({.count = 5}), 0.6);
    EXPECT_DOUBLE_EQ(schedule.factor({.count = 10}), 1.0);
}

TEST(@CLASS_NAME@, StaysAtOneAfterwards) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto schedule = plugin.make<dv::Schedule>("@ID@", {{"steps", 10}});
    EXPECT_DOUBLE_EQ(schedule.factor({.count = 11}), 1.0);
    EXPECT_DOUBLE_EQ(schedule.factor({.count = 1'000'000}), 1.0);
}

TEST(@CLASS_NAME@, IsAskedAfterEveryStep) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    EXPECT_EQ(plugin.make<dv::Schedule>("@ID@").interval(), dv::Schedule::Interval::step);
}

}  // namespace

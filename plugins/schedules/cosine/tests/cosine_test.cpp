#include <dv/testing/load.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace {

using dv::testing::Config;
using dv::testing::Plugin;
using dv::testing::ScheduleHandle;

class CosineSchedule : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};
    ScheduleHandle make(const Config& config = {}) { return plugin.make<dv::Schedule>("cosine", config); }
};

TEST_F(CosineSchedule, PassesThroughTheCosinesKnownPoints) {
    const auto schedule = make({{"t_max", 12}, {"min_factor", 0.2}});
    EXPECT_DOUBLE_EQ(schedule.factor({.epoch = 0}), 1.0);
    EXPECT_DOUBLE_EQ(schedule.factor({.epoch = 4}), 0.8);  // cos(60 deg) = 1/2
    EXPECT_DOUBLE_EQ(schedule.factor({.epoch = 6}), 0.6);
    EXPECT_DOUBLE_EQ(schedule.factor({.epoch = 8}), 0.4);
    EXPECT_DOUBLE_EQ(schedule.factor({.epoch = 12}), 0.2);
}

// CosineAnnealingLR steps by a recursion, lr' = lr * (1 + cos(pi t'/T)) / (1 + cos(pi t/T)); the closed form solves it.
TEST_F(CosineSchedule, SolvesTheRecursionOfCosineAnnealingLR) {
    const auto schedule = make({{"t_max", 50}});
    double rate = 1.0;
    for (int t = 0; t < 50; ++t) {
        ASSERT_NEAR(schedule.factor({.epoch = t}), rate, 1e-12) << "at " << t;
        rate *= (1 + std::cos(std::numbers::pi * (t + 1) / 50)) / (1 + std::cos(std::numbers::pi * t / 50));
    }
}

TEST_F(CosineSchedule, StaysAtTheMinimumBehindTheEnd) {
    const auto schedule = make({{"t_max", 10}, {"min_factor", 0.1}});
    for (const int epoch : {10, 11, 15, 20, 1000}) EXPECT_EQ(schedule.factor({.epoch = epoch}), 0.1) << epoch;
}

TEST_F(CosineSchedule, WarmsUpInEqualStepsAndMeetsTheCosineAtOne) {
    const auto schedule = make({{"warmup_steps", 3}, {"t_max", 13}, {"interval", "step"}});
    std::vector<double> factors;
    for (int step = 0; step < 4; ++step) factors.push_back(schedule.factor({.step = step}));
    EXPECT_EQ(factors, (std::vector<double>{0.25, 0.5, 0.75, 1.0}));
    EXPECT_DOUBLE_EQ(schedule.factor({.step = 8}), 0.5);  // half way from 3 to 13
    EXPECT_EQ(schedule.factor({.step = 13}), 0.0);
}

TEST_F(CosineSchedule, CountsWhatItsIntervalSays) {
    const auto by_epoch = make();
    EXPECT_EQ(by_epoch.interval(), dv::Schedule::Interval::epoch);
    EXPECT_DOUBLE_EQ(by_epoch.factor({.step = 7, .epoch = 5, .total_steps = 70, .total_epochs = 10}), 0.5);

    const auto by_step = make({{"interval", "step"}});
    EXPECT_EQ(by_step.interval(), dv::Schedule::Interval::step);
    EXPECT_DOUBLE_EQ(by_step.factor({.step = 35, .epoch = 1, .total_steps = 70, .total_epochs = 10}), 0.5);
}

TEST_F(CosineSchedule, NeverRises) {
    const auto schedule = make({{"t_max", 97}, {"min_factor", 0.05}, {"interval", "step"}});
    for (int step = 0; step < 200; ++step) {
        ASSERT_LE(schedule.factor({.step = step + 1}), schedule.factor({.step = step})) << "after " << step;
    }
}

TEST_F(CosineSchedule, WithoutAKnownEndItAsksForOne) {
    const auto schedule = make({{"interval", "step"}});
    try {
        schedule.factor({.step = 3, .total_steps = -1, .total_epochs = 10});
        FAIL() << "gave a factor without knowing the end";
    } catch (const dv::ComponentError& error) {
        EXPECT_EQ(error.code(), DV_BAD_PARAMETER);
        EXPECT_NE(error.text.find("'t_max'"), std::string::npos) << error.text;
        EXPECT_NE(error.text.find("max_steps"), std::string::npos) << error.text;
    }
}

TEST_F(CosineSchedule, ARunThatEndsWithinTheWarmUpNeverLeavesIt) {
    const auto schedule = make({{"interval", "step"}, {"warmup_steps", 10}});
    EXPECT_DOUBLE_EQ(schedule.factor({.step = 4, .total_steps = 5}), 5.0 / 11.0);
}

TEST_F(CosineSchedule, RefusesAWarmUpThatLeavesNoRoom) {
    try {
        make({{"warmup_steps", 10}, {"t_max", 10}});
        FAIL() << "took a warm-up as long as the whole schedule";
    } catch (const dv::ComponentError& error) {
        EXPECT_EQ(error.code(), DV_BAD_PARAMETER);
        EXPECT_NE(error.text.find("'warmup_steps' is 10 and must be below t_max (10)"), std::string::npos)
            << error.text;
    }
}

}  // namespace

#include "loops/experiment.hpp"
#include "loops/stop_rule.hpp"

#include <gtest/gtest.h>

namespace dvhost::loops {
namespace {

Progress at(std::int64_t epoch, std::int64_t step) {
    Progress p;
    p.epoch = epoch;
    p.global_step = step;
    return p;
}

TEST(StopRule, EndsAtEachLimit) {
    StopRule epochs({.max_epochs = 2});
    EXPECT_FALSE(epochs.reached(at(1, 100), 0));
    EXPECT_TRUE(epochs.reached(at(2, 100), 0));
    EXPECT_EQ(epochs.reason(), "max_epochs reached");
    StopRule steps({.max_steps = 5});
    EXPECT_FALSE(steps.reached(at(9, 4), 0));
    EXPECT_TRUE(steps.reached(at(9, 5), 0));
    StopRule time({.max_seconds = 1.0});
    EXPECT_FALSE(time.reached(at(0, 0), 0.5));
    EXPECT_TRUE(time.reached(at(0, 0), 1.5));
}

TEST(StopRule, ARequestWaitsForTheMinimumAndSticks) {
    StopRule rule({.min_epochs = 1, .min_steps = 10});
    rule.request("patience is over");
    rule.request("another reason");
    EXPECT_FALSE(rule.reached(at(0, 12), 0));
    EXPECT_FALSE(rule.reached(at(1, 9), 0));
    EXPECT_TRUE(rule.reached(at(1, 10), 0));
    EXPECT_EQ(rule.reason(), "patience is over");
}

TEST(StopRule, ZeroEpochsTrainNothing) { EXPECT_TRUE(StopRule({.max_epochs = 0}).reached(at(0, 0), 0)); }

TEST(BatchLimit, IsAShareOrACount) {
    EXPECT_EQ((BatchLimit{.share = 1.0, .count = std::nullopt}.of(7, "k")), 7);
    EXPECT_EQ((BatchLimit{.share = 0.5, .count = std::nullopt}.of(7, "k")), 3);
    EXPECT_EQ((BatchLimit{.share = 1.0, .count = 5}.of(7, "k")), 5);
    EXPECT_EQ((BatchLimit{.share = 1.0, .count = 50}.of(7, "k")), 7);
    EXPECT_EQ((BatchLimit{.share = 0.0, .count = std::nullopt}.of(7, "k")), 0);
    EXPECT_THROW((BatchLimit{.share = 0.1, .count = std::nullopt}.of(7, "k")), dv::Error);
}

}  // namespace
}  // namespace dvhost::loops

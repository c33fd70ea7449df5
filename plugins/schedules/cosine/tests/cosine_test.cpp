#include "tests/golden.hpp"

#include <vector>

namespace {

using namespace dv::schedules::testing;
using dv::testing::Plugin;

const std::vector<Golden> kGoldens{
#include "goldens/cosine.inc"
};

TEST(CosineSchedule, EqualsPyTorchsCosineAnnealingLR) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    for (const Golden& golden : kGoldens) expect_equals_golden(plugin, golden);
}

TEST(CosineSchedule, PassesThroughTheCosinesKnownPoints) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto schedule = plugin.make<dv::Schedule>("cosine", {{"t_max", 12}, {"min_factor", 0.2}});
    EXPECT_DOUBLE_EQ(schedule.factor(at(0)), 1.0);
    EXPECT_DOUBLE_EQ(schedule.factor(at(4)), 0.8);  // cos(60 deg) = 1/2
    EXPECT_DOUBLE_EQ(schedule.factor(at(6)), 0.6);
    EXPECT_DOUBLE_EQ(schedule.factor(at(8)), 0.4);
    EXPECT_DOUBLE_EQ(schedule.factor(at(12)), 0.2);
}

TEST(CosineSchedule, StaysAtTheMinimumBehindTheEnd) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto schedule = plugin.make<dv::Schedule>("cosine", {{"t_max", 10}, {"min_factor", 0.1}});
    for (const int count : {10, 11, 15, 20, 1000}) EXPECT_EQ(schedule.factor(at(count)), 0.1) << count;
}

TEST(CosineSchedule, TakesAllOfTrainingUnlessTold) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto schedule = plugin.make<dv::Schedule>();
    EXPECT_DOUBLE_EQ(schedule.factor(at(5, 10)), 0.5);
    EXPECT_DOUBLE_EQ(schedule.factor(at(35, 70)), 0.5);
    EXPECT_EQ(schedule.factor(at(0, 0)), 0.0);
}

TEST(CosineSchedule, NeverRises) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto schedule = plugin.make<dv::Schedule>("cosine", {{"t_max", 97}, {"min_factor", 0.05}});
    for (int count = 0; count < 200; ++count)
        ASSERT_LE(schedule.factor(at(count + 1)), schedule.factor(at(count))) << count;
}

TEST(CosineSchedule, WithoutAKnownEndItAsksForOne) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto schedule = plugin.make<dv::Schedule>();
    try {
        schedule.factor(at(3));
        FAIL() << "gave a factor without knowing the end";
    } catch (const dv::ComponentError& error) {
        EXPECT_EQ(error.code(), DV_BAD_PARAMETER);
        EXPECT_NE(error.text.find("'t_max' is absent"), std::string::npos) << error.text;
        EXPECT_NE(error.text.find("max_steps"), std::string::npos) << error.text;
    }
}

}  // namespace

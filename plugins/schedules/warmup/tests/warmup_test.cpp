#include "tests/golden.hpp"

#include <filesystem>
#include <vector>

namespace {

using namespace dv::schedules::testing;
using dv::testing::Plugin;

const std::vector<Golden> kGoldens{
#include "goldens/warmup.inc"
};

class Warmup : public testing::Test {
protected:
    Plugin plugin = [] {
        Plugin made(DV_PLUGIN_UNDER_TEST);
        made.with(std::filesystem::path(DV_PLUGIN_UNDER_TEST).parent_path());
        return made;
    }();
    dv::testing::ScheduleHandle make(const char* parameters) {
        return plugin.make<dv::Schedule>("warmup", dv::testing::Config::parse(parameters));
    }
};

TEST_F(Warmup, EqualsPyTorchsSequentialLR) {
    for (const Golden& golden : kGoldens) expect_equals_golden(plugin, golden);
}

TEST_F(Warmup, RisesInEqualStepsUnlessTold) {
    const auto schedule = make("n = 3");
    for (int t = 0; t < 3; ++t) EXPECT_DOUBLE_EQ(schedule.factor(at(t)), (t + 1) / 4.0);
    EXPECT_EQ(schedule.factor(at(3)), 1.0);
    EXPECT_EQ(schedule.factor(at(3000)), 1.0);
}

TEST_F(Warmup, LeadsToWhereTheNextOneBegins) {
    const auto schedule = make(R"(n = 2, start_factor = 0.0, then = { type = "constant", factor = 0.5 })");
    EXPECT_EQ(schedule.factor(at(0)), 0.0);
    EXPECT_EQ(schedule.factor(at(1)), 0.25);
    EXPECT_EQ(schedule.factor(at(2)), 0.5);
}

TEST_F(Warmup, LeavesTheRestOfTrainingToTheNextOne) {
    const auto schedule = make(R"(n = 3, then = { type = "cosine" })");
    EXPECT_EQ(schedule.factor(at(3, 13)), 1.0);
    EXPECT_DOUBLE_EQ(schedule.factor(at(8, 13)), 0.5);
    EXPECT_EQ(schedule.factor(at(13, 13)), 0.0);
}

TEST_F(Warmup, OfATrainingThatEndsWithinItIsNeverLeft) {
    const auto schedule = make(R"(n = 10, then = { type = "cosine" })");
    EXPECT_DOUBLE_EQ(schedule.factor(at(4, 5)), 5.0 / 11.0);
}

TEST_F(Warmup, PassesOnMomentumAndInterval) {
    const auto schedule = make(R"(n = 5, then = { type = "one_cycle", pct_start = 0.5 })");
    EXPECT_EQ(schedule.interval(), dv::Schedule::Interval::step);
    EXPECT_DOUBLE_EQ(schedule.momentum(at(0, 25)), 0.95);
    EXPECT_DOUBLE_EQ(schedule.momentum(at(5, 25)), 0.95);
    EXPECT_DOUBLE_EQ(schedule.momentum(at(14, 25)), 0.85);
    EXPECT_EQ(make("n = 5").interval(), dv::Schedule::Interval::epoch);
}

TEST_F(Warmup, KeepsTheStateOfTheNextOneUnderItsName) {
    auto nested = make(R"(n = 1, then = { type = "warmup", n = 2 })");
    const auto state = nested.save_state();
    EXPECT_EQ(state, (dv::testing::Config{{"then", dv::testing::Config{{"then", dv::testing::Config{}}}}}));
    nested.load_state(state);
    nested.load_state({});
    EXPECT_DOUBLE_EQ(nested.factor(at(2)), 2.0 / 3.0);
}

TEST_F(Warmup, AsksForATableOfItsOwnForOneThatFollowsAMetric) {
    try {
        make(R"(n = 5, then = { type = "plateau" })");
        FAIL() << "took a schedule that it cannot ask at the right time";
    } catch (const dv::ComponentError& error) {
        EXPECT_NE(error.text.find("'then' is 'dvhost.schedule.plateau', which follows a metric"), std::string::npos)
            << error.text;
        EXPECT_NE(error.text.find("[[schedule]]"), std::string::npos) << error.text;
    }
}

}  // namespace

#include <dv/testing/load.hpp>

#include <gtest/gtest.h>

namespace {

using dv::testing::CallbackHandle;
using dv::testing::Config;
using dv::testing::Plugin;
using dv::testing::RunBuilder;

class TimerTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};
    CallbackHandle make(const Config& config) { return plugin.make<dv::Callback>("timer", config); }
    void pass(double seconds) { plugin.host().clock.monotonic += seconds; }
    bool stops(CallbackHandle& timer, dv_phase phase, double after) {
        pass(after);
        return timer.phase(phase).stopped();
    }
};

TEST_F(TimerTest, TrainingStopsWhenTheTimeIsUp) {
    auto timer = make({{"duration", 10.0}});
    EXPECT_FALSE(stops(timer, DV_TRAIN_START, 100.0));
    EXPECT_FALSE(stops(timer, DV_TRAIN_BATCH_END, 9.5));
    EXPECT_FALSE(stops(timer, DV_TRAIN_EPOCH_END, 1.0));
    EXPECT_TRUE(stops(timer, DV_TRAIN_BATCH_END, 0.0));
    EXPECT_EQ(plugin.host().log_text(), "the time is up: 10.5 s of training, 10 s were given\n");
    EXPECT_TRUE(stops(timer, DV_TRAIN_BATCH_END, 1.0));  // as long as min_epochs keeps it going
    EXPECT_EQ(plugin.host().log().size(), 1u);
}

TEST_F(TimerTest, ItCanLookAfterEpochsOnly) {
    auto timer = make({{"duration", 10.0}, {"interval", "epoch"}, {"verbose", false}});
    timer.phase(DV_TRAIN_START);
    EXPECT_FALSE(stops(timer, DV_TRAIN_BATCH_END, 20.0));
    EXPECT_TRUE(stops(timer, DV_TRAIN_EPOCH_END, 0.0));
    EXPECT_TRUE(plugin.host().log().empty());
}

TEST_F(TimerTest, WithoutADurationItOnlyMeasures) {
    auto timer = make({});
    timer.phase(DV_TRAIN_START);
    EXPECT_FALSE(stops(timer, DV_TRAIN_BATCH_END, 1e9));
}

TEST_F(TimerTest, StagesAreMeasuredAndKept) {
    auto timer = make({});
    RunBuilder run;
    timer.phase(DV_VALIDATION_START, run.stage(DV_STAGE_SANITY_CHECK));
    pass(50.0);
    timer.phase(DV_VALIDATION_END, run);
    timer.phase(DV_TRAIN_START);
    pass(3.0);
    timer.phase(DV_VALIDATION_START, run.stage(DV_STAGE_VALIDATE));
    pass(4.0);
    timer.phase(DV_VALIDATION_END, run);
    EXPECT_EQ(timer.save_state(), (Config{{"time_elapsed", Config{{"train", 7.0}, {"validate", 4.0}, {"test", 0.0}}}}));
    timer.phase(DV_TRAIN_END);
    pass(99.0);
    EXPECT_EQ(timer.save_state().get("time_elapsed")->get("train")->number(), 7.0);
    EXPECT_EQ(timer.state_key(), "Timer");
}

TEST_F(TimerTest, ARunThatGoesOnCountsTheFormerTime) {
    auto timer = make({{"duration", 10.0}});
    timer.load_state(Config{{"time_elapsed", Config{{"train", 7.0}}}});
    EXPECT_FALSE(timer.phase(DV_TRAIN_START).stopped());
    EXPECT_FALSE(stops(timer, DV_TRAIN_BATCH_END, 2.0));
    EXPECT_TRUE(stops(timer, DV_TRAIN_BATCH_END, 1.0));
    auto late = make({{"duration", 5.0}});
    late.load_state(Config{{"time_elapsed", Config{{"train", 7.0}}}});
    EXPECT_TRUE(late.phase(DV_TRAIN_START).stopped());
}

}  // namespace

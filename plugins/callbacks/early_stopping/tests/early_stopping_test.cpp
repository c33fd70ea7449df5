#include <dv/testing/load.hpp>

#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace {

using dv::testing::AnswerLog;
using dv::testing::CallbackHandle;
using dv::testing::Config;
using dv::testing::Plugin;
using dv::testing::RunBuilder;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

struct Stop {
    int epoch = -1;  ///< -1: it never asked to stop
    std::string reason;
};

class EarlyStoppingTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};

    CallbackHandle make(Config config = {}) {
        if (!config.get("monitor")) config.set("monitor", "x");
        return plugin.make<dv::Callback>("early_stopping", config);
    }

    /// One epoch per value, of one batch and its validation, which logs x.
    Stop train(const Config& config, const std::vector<double>& values) {
        auto callback = make(config);
        return train(callback, values);
    }
    Stop train(CallbackHandle& callback, const std::vector<double>& values, int first_epoch = 0) {
        RunBuilder run;
        run.validates_each_epoch_end();
        callback.phase(DV_FIT_START, run);
        for (int epoch = first_epoch; epoch < static_cast<int>(values.size()); ++epoch) {
            const double x = values[static_cast<std::size_t>(epoch)];
            run.epoch(epoch).batch(0, 1);
            callback.phase(DV_TRAIN_BATCH_END, run.stage(DV_STAGE_TRAIN));
            const AnswerLog at_validation =
                callback.phase(DV_VALIDATION_END, run.stage(DV_STAGE_VALIDATE).metric("x", x));
            const AnswerLog at_epoch = callback.phase(DV_TRAIN_EPOCH_END, run.stage(DV_STAGE_TRAIN));
            if (at_validation.stopped()) return {epoch, *at_validation.stop_reason};
            if (at_epoch.stopped()) return {epoch, *at_epoch.stop_reason};
        }
        return {};
    }
};

// The table that Lightning's own tests and measurements give.
TEST_F(EarlyStoppingTest, StopsWhereLightningStops) {
    EXPECT_EQ(train({{"patience", 3}}, {6, 5, 5, 5, 5, 5}).epoch, 4);
    EXPECT_EQ(train({{"patience", 1}}, {6, 5, 4, 4, 3, 3}).epoch, 3);
    EXPECT_EQ(train({{"stopping_threshold", 2.9}}, {9, 8, 7, 6, 5, 6, 4, 3, 2, 1}).epoch, 8);
    EXPECT_EQ(train({}, {3, 2, kInf, 1}).epoch, 2);
    EXPECT_EQ(train({}, {3, 2, kNan, 1}).epoch, 2);
    EXPECT_EQ(train({{"mode", "max"}, {"patience", 2}}, {1, 2, 3, 3, 3, 3}).epoch, 4);
}

TEST_F(EarlyStoppingTest, SaysWhyItStopped) {
    EXPECT_EQ(train({{"patience", 3}}, {6, 5, 5, 5, 5}).reason,
              "x did not improve in the last 3 check(s); its best value was 5");
    EXPECT_EQ(train({{"patience", 1}}, {6, 5, 4, 4, 3, 3}).reason,
              "x did not improve in the last 1 check(s); its best value was 4");
    EXPECT_EQ(train({{"stopping_threshold", 2.9}}, {3, 2}).reason, "stopping threshold reached: x = 2 < 2.9");
    EXPECT_EQ(train({{"divergence_threshold", 10.0}}, {3, 11}).reason,
              "divergence threshold reached: x = 11 is worse than 10");
    EXPECT_EQ(train({}, {3, kNan}).reason, "x = nan is not finite; its best value was 3");
}

TEST_F(EarlyStoppingTest, ThresholdsAreStrict) {
    EXPECT_EQ(train({{"stopping_threshold", 2.0}}, {3, 2, 1}).epoch, 2);
    EXPECT_EQ(train({{"divergence_threshold", 3.0}, {"patience", 9}}, {3, 3, 4}).epoch, 2);
    EXPECT_EQ(train({{"mode", "max"}, {"divergence_threshold", 0.5}, {"patience", 9}}, {0.7, 0.5, 0.4}).epoch, 2);
    EXPECT_EQ(train({{"mode", "max"}, {"stopping_threshold", 0.9}}, {0.8, 0.9, 0.95}).epoch, 2);
}

TEST_F(EarlyStoppingTest, AnImprovementMustExceedMinDelta) {
    EXPECT_EQ(train({{"min_delta", 0.5}, {"patience", 2}}, {4, 3.5, 3.5, 2.5}).epoch, 2);  // 0.5 better is not enough
    EXPECT_EQ(train({{"min_delta", 0.5}, {"patience", 2}}, {4, 3.25, 2.5, 1.75}).epoch, -1);
    EXPECT_EQ(train({{"min_delta", 0.5}, {"patience", 1}, {"mode", "max"}}, {1, 1.5, 3}).epoch, 1);
}

TEST_F(EarlyStoppingTest, WithoutCheckFiniteANanIsJustNoImprovement) {
    EXPECT_EQ(train({{"check_finite", false}, {"patience", 2}}, {3, kNan, kNan, 1}).epoch, 2);
    EXPECT_EQ(train({{"check_finite", false}, {"patience", 2}}, {3, kNan, 1, kNan}).epoch, -1);
}

TEST_F(EarlyStoppingTest, PatienceZeroStopsAtTheFirstValueThatIsNoImprovement) {
    EXPECT_EQ(train({{"patience", 0}}, {3, 2, 2}).epoch, 2);
}

TEST_F(EarlyStoppingTest, BelowTheFloorPatienceDoesNotCount) {
    const Config config{{"mode", "max"}, {"floor", 0.7}, {"patience", 2}};
    EXPECT_EQ(train(config, {0.1, 0.1, 0.1, 0.1, 0.1}).epoch, -1);
    EXPECT_EQ(train(config, {0.1, 0.1, 0.1, 0.7, 0.6, 0.5}).epoch, 5);  // armed at 0.7, and stays so
    EXPECT_EQ(train(config, {0.1, 0.8, 0.9, 0.9, 0.95, 0.9, 0.9}).epoch, 6);
    EXPECT_EQ(train({{"floor", 2.0}, {"patience", 1}}, {9, 9, 2, 3}).epoch, 3);
    EXPECT_EQ(train({{"mode", "max"}, {"floor", 0.7}}, {0.1, kNan}).epoch, 1);
}

TEST_F(EarlyStoppingTest, ItsStateHasLightningsNames) {
    auto callback = make({{"patience", 3}});
    EXPECT_EQ(callback.state_key(), "EarlyStopping{'monitor': 'x', 'mode': 'min'}");
    train(callback, {6, 5, 5, 5, 5, 5});
    EXPECT_EQ(callback.save_state(),
              (Config{{"wait_count", 3},
                      {"stopped_epoch", 4},
                      {"best_score", 5.0},
                      {"patience", 3},
                      {"stopping_reason", 3},
                      {"stopping_reason_message", "x did not improve in the last 3 check(s); its best value was 5"},
                      {"armed", true}}));
    for (const auto& [value, reason] : {std::pair{8.0, 0}, {1.0, 1}, {99.0, 2}, {kNan, 4}}) {
        auto other = make({{"stopping_threshold", 2.0}, {"divergence_threshold", 50.0}});
        train(other, {9, value});
        EXPECT_EQ(other.save_state().get("stopping_reason")->number(), reason) << value;
    }
}

TEST_F(EarlyStoppingTest, ARunThatGoesOnStopsWhereAnUninterruptedOneDoes) {
    const std::vector<double> values{6, 5, 5, 5, 5, 5};
    for (int cut = 1; cut < 5; ++cut) {
        auto first = make({{"patience", 3}});
        train(first, {values.begin(), values.begin() + cut});
        auto second = make({{"patience", 9}});
        second.load_state(first.save_state());  // patience too
        EXPECT_EQ(train(second, values, cut).epoch, 4) << cut;
    }
}

TEST_F(EarlyStoppingTest, ARunOfWhichNothingIsKeptIsNotStopped) {
    auto callback = make();
    RunBuilder run;
    run.fast_dev_run().metric("x", kNan);
    callback.phase(DV_FIT_START, run);
    EXPECT_FALSE(callback.phase(DV_TRAIN_EPOCH_END, run).stopped());
}

TEST_F(EarlyStoppingTest, AMissingMetricIsAnErrorThatListsThoseThereAre) {
    auto callback = make({{"monitor", "val/acuracy"}});
    RunBuilder run;
    run.metric("train/loss", 1.0).metric("val/accuracy", 0.5);
    callback.phase(DV_FIT_START, run);
    try {
        callback.phase(DV_TRAIN_EPOCH_END, run);
        FAIL() << "a metric that is not there was accepted";
    } catch (const dv::ComponentError& error) {
        EXPECT_EQ(error.code(), DV_BAD_PARAMETER);
        EXPECT_EQ(
            error.text,
            "'monitor' is 'val/acuracy', and the run has no metric of that name; it has: train/loss, val/accuracy");
    }
}

TEST_F(EarlyStoppingTest, WithoutStrictAMissingMetricIsOneWarning) {
    auto callback = make({{"monitor", "y"}, {"strict", false}});
    callback.phase(DV_FIT_START);
    EXPECT_FALSE(callback.phase(DV_TRAIN_EPOCH_END).stopped());
    EXPECT_FALSE(callback.phase(DV_TRAIN_EPOCH_END).stopped());
    EXPECT_EQ(plugin.host().log().size(), 1u);
    EXPECT_NE(plugin.host().log_text(DV_LOG_WARNING).find("'y'"), std::string::npos);
}

TEST_F(EarlyStoppingTest, ANameIsNeeded) {
    EXPECT_THROW(plugin.make<dv::Callback>("early_stopping"), std::invalid_argument);
    try {
        make({{"monitor", ""}});
        FAIL() << "an empty name was accepted";
    } catch (const dv::ComponentError& error) {
        EXPECT_EQ(error.code(), DV_BAD_PARAMETER);
    }
}

/// At which moments it looks: the metric is infinite, so a look asks to stop.
class EarlyStoppingMoments : public EarlyStoppingTest {
protected:
    bool looks(CallbackHandle& callback, dv_phase phase, RunBuilder& run) {
        return callback.phase(phase, run).stopped();
    }
    CallbackHandle ready(const Config& config, RunBuilder& run) {
        auto callback = make(config);
        run.metric("x", kInf);
        callback.phase(DV_FIT_START, run);
        return callback;
    }
};

TEST_F(EarlyStoppingMoments, AValidationWithinAnEpochIsLookedAtWhenItEnds) {
    RunBuilder run;
    run.has_validation();
    auto callback = ready({}, run);
    callback.phase(DV_TRAIN_BATCH_END, run.batch(1, 4));
    EXPECT_TRUE(looks(callback, DV_VALIDATION_END, run.stage(DV_STAGE_VALIDATE)));
}

TEST_F(EarlyStoppingMoments, AfterTheOneValidationOfEveryEpochItIsLookedAtWhenTheEpochEnds) {
    RunBuilder run;
    run.validates_each_epoch_end();
    auto callback = ready({}, run);
    EXPECT_FALSE(looks(callback, DV_VALIDATION_END, run.stage(DV_STAGE_VALIDATE)));
    EXPECT_TRUE(looks(callback, DV_TRAIN_EPOCH_END, run.stage(DV_STAGE_TRAIN)));
}

TEST_F(EarlyStoppingMoments, OnAFirstHostAValidationBehindTheLastBatchIsLookedAtWhenTheEpochEnds) {
    RunBuilder run;
    run.has_validation().of_minor_0();
    auto callback = ready({}, run);
    callback.phase(DV_TRAIN_BATCH_END, run.batch(3, 4));
    EXPECT_FALSE(looks(callback, DV_VALIDATION_END, run.stage(DV_STAGE_VALIDATE)));
    EXPECT_TRUE(looks(callback, DV_TRAIN_EPOCH_END, run.stage(DV_STAGE_TRAIN)));
}

TEST_F(EarlyStoppingMoments, AnEpochWithoutItsValidationIsNotLookedAt) {
    RunBuilder run;
    run.has_validation();
    auto callback = ready({}, run);
    callback.phase(DV_TRAIN_BATCH_END, run.batch(3, 4));
    EXPECT_FALSE(looks(callback, DV_TRAIN_EPOCH_END, run));
}

TEST_F(EarlyStoppingMoments, WithoutValidationEveryEpochIsLookedAt) {
    RunBuilder run;
    auto callback = ready({}, run);
    EXPECT_TRUE(looks(callback, DV_TRAIN_EPOCH_END, run));
}

TEST_F(EarlyStoppingMoments, TheMomentCanBeChosen) {
    RunBuilder run;
    run.has_validation().batch(3, 4);
    auto at_epoch = ready({{"check_on_train_epoch_end", true}}, run);
    EXPECT_FALSE(looks(at_epoch, DV_VALIDATION_END, run));
    EXPECT_TRUE(looks(at_epoch, DV_TRAIN_EPOCH_END, run));
    auto at_validation = ready({{"check_on_train_epoch_end", false}}, run);
    EXPECT_FALSE(looks(at_validation, DV_TRAIN_EPOCH_END, run));
    EXPECT_TRUE(looks(at_validation, DV_VALIDATION_END, run));
}

TEST_F(EarlyStoppingMoments, NeitherASanityCheckNorARunThatOnlyValidatesIsLookedAt) {
    RunBuilder run;
    run.has_validation();
    auto callback = ready({{"check_on_train_epoch_end", false}}, run);
    EXPECT_FALSE(looks(callback, DV_VALIDATION_END, run.stage(DV_STAGE_SANITY_CHECK)));
    callback.phase(DV_FIT_END, run);
    EXPECT_FALSE(looks(callback, DV_VALIDATION_END, run.stage(DV_STAGE_VALIDATE)));
}

TEST_F(EarlyStoppingMoments, ItRunsAfterThoseThatLog) { EXPECT_TRUE(make().monitors()); }

}  // namespace

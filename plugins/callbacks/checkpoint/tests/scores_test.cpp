#include "fixture.hpp"

#include <limits>
#include <utility>

namespace checkpoint::testing {
namespace {

// --- Scores belong to the weights they were computed on ------------------------------------------------------------

TEST_F(CheckpointTest, AFileByStepIsScoredByTheValidationOfTheSameStepOnly) {
    const Config config{{"monitor", "x"}, {"every_n_train_steps", 3}};
    EXPECT_EQ(left(config), (Files{"epoch=2-step=12"}));
    EXPECT_EQ(written(),
              (std::vector<std::string>{"epoch=0-step=3", "epoch=1-step=6", "epoch=2-step=9", "epoch=2-step=12"}));
}

TEST_F(CheckpointTest, EveryFileByStepIsWrittenWhenAllAreKept) {
    EXPECT_EQ(left({{"monitor", "x"}, {"every_n_train_steps", 3}, {"save_top_k", -1}}),
              (Files{"epoch=0-step=3", "epoch=1-step=6", "epoch=2-step=9", "epoch=2-step=12", "epoch=3-step=15",
                     "epoch=4-step=18"}));
}

TEST_F(CheckpointTest, AFileWithoutAScoreNeverTakesThePlaceOfOneThatHasOne) {
    EXPECT_EQ(left({{"monitor", "x"}, {"every_n_train_steps", 1}, {"save_last", true}}),
              (Files{"epoch=4-step=20", "last"}));
    EXPECT_EQ(left({{"monitor", "x"}, {"every_n_train_steps", 1}}, {.epochs = 2, .x = {3, 5}}),
              (Files{"epoch=0-step=4"}));
}

TEST_F(CheckpointTest, AScoreOfOtherWeightsDoesNotCount) {
    // Validations after epochs 1 and 3; epochs 0, 2 and 4 must not be scored with the value of the epoch before.
    EXPECT_EQ(left({{"monitor", "x"}, {"save_on_train_epoch_end", true}, {"save_top_k", 2}},
                   {.x = {0, 9, 0, 5, 0}, .validate_every_n_epochs = 2}),
              (Files{"epoch=1-step=8", "epoch=3-step=16"}));
}

TEST_F(CheckpointTest, AMetricOfTheTrainingIsAScoreAtOnce) {
    auto callback = plugin.make<dv::Callback>("checkpoint", {{"monitor", "loss"}, {"every_n_train_steps", 1}});
    RunBuilder run;
    run.has_validation().stage(DV_STAGE_TRAIN);
    callback.phase(DV_FIT_START, run);
    for (const auto& [step, loss] : {std::pair{1, 3.0}, {2, 1.0}, {3, 2.0}}) {
        callback.phase(DV_TRAIN_BATCH_START, run);
        callback.phase(DV_TRAIN_BATCH_END, run.step(step).batch(step - 1, 9).metric("loss", loss));
    }
    EXPECT_EQ(files_in(folder()), (Files{"epoch=0-step=2"}));
}

TEST_F(CheckpointTest, AMetricThatAnEarlierValidationLeftIsOneOfValidations) {
    auto callback = plugin.make<dv::Callback>(
        "checkpoint", {{"monitor", "x"}, {"every_n_train_steps", 1}, {"save_top_k", -1}, {"filename", "{step}-{x}"}});
    RunBuilder run;
    run.stage(DV_STAGE_VALIDATE);
    callback.phase(DV_VALIDATION_START, run);
    callback.phase(DV_VALIDATION_END, run.metric("x", 0.0));  // of the weights before training
    callback.phase(DV_FIT_START, run.stage(DV_STAGE_TRAIN).has_validation());
    callback.phase(DV_TRAIN_BATCH_END, run.step(1).batch(0, 2));
    EXPECT_EQ(files_in(folder()), Files{});  // waits for a validation of these weights
    callback.phase(DV_TRAIN_BATCH_START, run);
    EXPECT_EQ(files_in(folder()), (Files{"step=1-x=0.0"}));
}

TEST_F(CheckpointTest, NanNeverBeatsANumberButMayFillAFreePlace) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    for (const char* mode : {"min", "max"}) {
        const Config one{{"monitor", "x"}, {"mode", mode}, {"filename", "{epoch}"}};
        EXPECT_EQ(left(one, {.x = {nan, 3, nan, nan, nan}}), (Files{"epoch=1"})) << mode;
        EXPECT_EQ(left(one, {.epochs = 2, .x = {nan, nan}}), (Files{"epoch=0"})) << mode;
        Config two = one;
        two.set("save_top_k", 2);
        EXPECT_EQ(left(two, {.epochs = 3, .x = {nan, 3, nan}}), (Files{"epoch=0", "epoch=1"})) << mode;
    }
}

TEST_F(CheckpointTest, AnEqualValueIsNoBetter) {
    EXPECT_EQ(left({{"monitor", "x"}, {"filename", "{epoch}"}}, {.epochs = 3, .x = {2, 2, 2}}), (Files{"epoch=0"}));
}

TEST_F(CheckpointTest, EpochAndStepCanBeMonitored) {
    EXPECT_EQ(left({{"monitor", "step"}, {"mode", "max"}}), (Files{"epoch=4-step=20"}));
    EXPECT_EQ(left({{"monitor", "epoch"}, {"mode", "min"}, {"save_top_k", 2}, {"filename", "{epoch}"}}),
              (Files{"epoch=0", "epoch=1"}));
}

}  // namespace
}  // namespace checkpoint::testing

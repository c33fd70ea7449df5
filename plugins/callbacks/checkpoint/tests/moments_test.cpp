#include "fixture.hpp"

namespace checkpoint::testing {
namespace {

// --- Moments -------------------------------------------------------------------------------------------------------

TEST_F(CheckpointTest, WithoutValidationEveryEpochsEndIsAMoment) {
    EXPECT_EQ(left({{"save_top_k", -1}}, {.epochs = 2, .x = {}}), (Files{"epoch=0-step=4", "epoch=1-step=8"}));
}

TEST_F(CheckpointTest, AnEpochThatIsCutShortIsSavedAllTheSame) {
    EXPECT_EQ(left({}, {.max_steps = 2}), (Files{"epoch=0-step=2"}));
    EXPECT_EQ(left({{"monitor", "x"}}, {.max_steps = 2}), (Files{"epoch=0-step=2"}));
    EXPECT_EQ(left({{"monitor", "x"}}, {.max_steps = 6}), (Files{"epoch=0-step=4"}));  // the one with a score
    EXPECT_EQ(left({{"save_top_k", -1}}, {.n_batches_known = false, .max_steps = 6}),
              (Files{"epoch=0-step=4", "epoch=1-step=6"}));
}

TEST_F(CheckpointTest, AValidationBehindTheLastBatchWaitsForTheMetricsOfTheEpoch) {
    auto callback = plugin.make<dv::Callback>("checkpoint", {{"monitor", "train/accuracy"}});
    RunBuilder run;
    run.validates_each_epoch_end().stage(DV_STAGE_TRAIN);
    callback.phase(DV_FIT_START, run);
    callback.phase(DV_TRAIN_BATCH_END, run.step(1).batch(0, 1));
    callback.phase(DV_VALIDATION_START, run.stage(DV_STAGE_VALIDATE));
    callback.phase(DV_VALIDATION_END, run.metric("val/loss", 1.0));
    callback.phase(DV_TRAIN_EPOCH_END, run.stage(DV_STAGE_TRAIN).metric("train/accuracy", 0.5));
    EXPECT_EQ(files_in(folder()), (Files{"epoch=0-step=1"}));
}

TEST_F(CheckpointTest, BatchesOfOneOptimizerStepGiveOneFile) {
    auto callback = plugin.make<dv::Callback>("checkpoint", {{"every_n_train_steps", 2}});
    RunBuilder run;
    run.stage(DV_STAGE_TRAIN);
    callback.phase(DV_FIT_START, run);
    for (int batch = 0; batch < 8; ++batch) callback.phase(DV_TRAIN_BATCH_END, run.step(batch / 3).batch(batch, 8));
    EXPECT_EQ(written(), (std::vector<std::string>{"epoch=0-step=2"}));
}

TEST_F(CheckpointTest, TheMomentCanBeChosen) {
    const Fit within{.epochs = 1, .validate_every_n_batches = 3};
    EXPECT_EQ(left({{"save_top_k", -1}, {"save_on_train_epoch_end", true}}, within), (Files{"epoch=0-step=4"}));
    EXPECT_EQ(left({{"save_top_k", -1}, {"save_on_train_epoch_end", false}}, within), (Files{"epoch=0-step=3"}));
}

TEST_F(CheckpointTest, TimeCanBeCountedInstead) {
    EXPECT_EQ(
        left({{"train_time_interval", 25.0}, {"save_top_k", -1}, {"filename", "{step}"}}, {.seconds_per_batch = 10}),
        (Files{"step=3", "step=6", "step=9", "step=12", "step=15", "step=18"}));
}

TEST_F(CheckpointTest, AMetricThatIsNeverLoggedEndsTheRunAfterTheFirstValidation) {
    auto callback = plugin.make<dv::Callback>("checkpoint", {{"monitor", "y"}});
    try {
        Runner(callback, plugin.host(), {}).run();
        FAIL() << "a metric that is not there was accepted";
    } catch (const dv::ComponentError& error) {
        EXPECT_EQ(error.text, "'monitor' is 'y', and the run has no metric of that name; it has: x");
    }
}

TEST_F(CheckpointTest, WithoutAValidationAMissingMetricIsOneWarning) {
    EXPECT_EQ(left({{"monitor", "y"}}, {.x = {}}), Files{});
    EXPECT_EQ(plugin.host().log().size(), 1u);
    EXPECT_NE(plugin.host().log_text(DV_LOG_WARNING).find("'y'"), std::string::npos);
}

// --- The newest state ----------------------------------------------------------------------------------------------

TEST_F(CheckpointTest, LastIsTheNewestState) {
    left({{"monitor", "x"}, {"mode", "max"}, {"save_last", true}});
    EXPECT_EQ(written().back(), "last");
    EXPECT_EQ(plugin.host().checkpoints().size(), 6u);  // epoch 0, and last five times
}

TEST_F(CheckpointTest, LastIsWrittenAtTheEndWhenNothingElseWas) {
    EXPECT_EQ(left({{"every_n_epochs", 9}, {"save_last", true}}), (Files{"last"}));
}

TEST_F(CheckpointTest, LastHasANameOfItsOwnAndLeavesForeignFilesAlone) {
    EXPECT_EQ(left({{"save_top_k", 0}, {"save_last", true}, {"last_name", "{epoch}-last"}}), (Files{"epoch=4-last"}));
    left({});
    std::ofstream(folder() / "last.ckpt") << "foreign";
    auto callback = plugin.make<dv::Callback>("checkpoint", {{"save_top_k", 0}, {"save_last", true}});
    Runner(callback, plugin.host(), {}).run();
    EXPECT_EQ(files_in(folder()), (Files{"epoch=4-step=20", "last", "last-v1"}));
}

TEST_F(CheckpointTest, AnInterruptionWritesLastWhateverTheOptionsSay) {
    EXPECT_EQ(left({{"save_top_k", 0}}, {.throws_after_step = 6, .message = "interrupted (SIGINT)"}), (Files{"last"}));
    EXPECT_EQ(left({{"monitor", "x"}}, {.throws_after_step = 6, .message = "interrupted (SIGINT)"}),
              (Files{"epoch=0-step=4", "last"}));
}

TEST_F(CheckpointTest, AFailureIsSavedOnlyWhenAskedFor) {
    EXPECT_EQ(left({}, {.throws_after_step = 6}), (Files{"epoch=0-step=4"}));
    EXPECT_EQ(left({{"save_on_exception", true}, {"save_top_k", -1}}, {.throws_after_step = 6}),
              (Files{"epoch=0-step=4", "epoch=1-step=6", "last"}));
}

TEST_F(CheckpointTest, AFailureDoesNotSwallowAFileThatWaitedForItsValidation) {
    EXPECT_EQ(left({{"monitor", "x"}, {"every_n_train_steps", 3}}, {.throws_after_step = 3}),
              (Files{"epoch=0-step=3"}));
}

TEST_F(CheckpointTest, OutsideOfFitNothingIsSaved) {
    auto callback = plugin.make<dv::Callback>("checkpoint", {{"save_on_train_epoch_end", false}, {"save_last", true}});
    RunBuilder run;
    run.stage(DV_STAGE_VALIDATE);
    callback.phase(DV_VALIDATION_START, run);
    callback.phase(DV_VALIDATION_END, run);
    callback.phase(DV_TRAIN_BATCH_END, run.step(1).batch(0, 2));
    callback.phase(DV_TRAIN_EPOCH_END, run);
    callback.phase(DV_TRAIN_END, run);
    callback.phase(DV_EXCEPTION, run.message("interrupted (SIGINT)"));
    EXPECT_TRUE(plugin.host().checkpoints().empty());
}

}  // namespace
}  // namespace checkpoint::testing

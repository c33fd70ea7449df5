#include "fit.hpp"

#include <gtest/gtest.h>
#include <dv/testing/load.hpp>

#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using checkpoint::testing::Fit;
using checkpoint::testing::Runner;
using dv::testing::CallbackHandle;
using dv::testing::Config;
using dv::testing::Plugin;
using dv::testing::RunBuilder;

using Files = std::set<std::string>;

class CheckpointTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};

    fs::path folder() { return plugin.host().run_dir() / "checkpoints"; }

    /// The files below a folder, without ".ckpt".
    static Files files_in(const fs::path& root) {
        Files files;
        if (!fs::exists(root)) return files;
        for (const auto& entry : fs::recursive_directory_iterator(root)) {
            if (!entry.is_regular_file()) continue;
            const std::string name = entry.path().lexically_relative(root).string();
            EXPECT_TRUE(name.ends_with(".ckpt")) << name;
            files.insert(name.substr(0, name.size() - 5));
        }
        return files;
    }

    /// What a fit leaves.
    Files left(const Config& config, const Fit& fit = {}) {
        fs::remove_all(folder());
        auto callback = plugin.make<dv::Callback>("checkpoint", config);
        Runner(callback, plugin.host(), fit).run();
        return files_in(folder());
    }

    /// Everything that was ever written since the host began, in order.
    std::vector<std::string> written() {
        std::vector<std::string> names;
        for (const auto& saved : plugin.host().checkpoints()) names.push_back(saved.path.stem().string());
        return names;
    }

    std::string refusal(const Config& config) {
        try {
            plugin.make<dv::Callback>("checkpoint", config);
        } catch (const dv::ComponentError& error) {
            EXPECT_EQ(error.code(), DV_BAD_PARAMETER) << error.text;
            return error.text;
        }
        return "";
    }
};

// --- The table that measurements of Lightning's ModelCheckpoint give: 5 epochs of 4 batches, x = 10, 9, 2.8, 5, 2.5

TEST_F(CheckpointTest, WithoutAMonitorTheNewestStays) { EXPECT_EQ(left({}), (Files{"epoch=4-step=20"})); }

TEST_F(CheckpointTest, WithAMonitorTheBestStay) {
    EXPECT_EQ(left({{"monitor", "x"}}), (Files{"epoch=4-step=20"}));
    EXPECT_EQ(left({{"monitor", "x"}, {"save_top_k", 2}}), (Files{"epoch=2-step=12", "epoch=4-step=20"}));
    EXPECT_EQ(left({{"monitor", "x"}, {"save_top_k", 3}, {"save_last", true}}),
              (Files{"epoch=2-step=12", "epoch=3-step=16", "epoch=4-step=20", "last"}));
    EXPECT_EQ(left({{"monitor", "x"}, {"save_top_k", 4}, {"filename", "{epoch}"}}),
              (Files{"epoch=1", "epoch=2", "epoch=3", "epoch=4"}));
    EXPECT_EQ(left({{"monitor", "x"}, {"save_top_k", -1}, {"filename", "{epoch}"}}),
              (Files{"epoch=0", "epoch=1", "epoch=2", "epoch=3", "epoch=4"}));
    EXPECT_EQ(left({{"monitor", "x"}, {"save_top_k", 0}}), Files{});
    EXPECT_EQ(left({{"monitor", "x"}, {"save_top_k", 0}, {"save_last", true}}), (Files{"last"}));
    EXPECT_EQ(left({{"monitor", "x"}, {"mode", "max"}, {"save_top_k", 2}, {"filename", "{epoch}-{x:.1f}"}}),
              (Files{"epoch=0-x=10.0", "epoch=1-x=9.0"}));
}

TEST_F(CheckpointTest, NamesAreFilledIn) {
    EXPECT_EQ(left({{"monitor", "x"}, {"auto_insert_metric_name", false}, {"filename", "{epoch:02d}-{x:.2f}"}}),
              (Files{"04-2.50"}));
    EXPECT_EQ(left({{"filename", "{epoch:02d}-{x:.2f}"}}), (Files{"epoch=04-x=2.50"}));
    EXPECT_EQ(left({{"filename", "sub/{epoch}"}}), (Files{"sub/epoch=4"}));
    EXPECT_EQ(left({{"filename", "{zz}"}}), (Files{"zz=0"}));
}

TEST_F(CheckpointTest, EpochsCanBeLeftOut) {
    EXPECT_EQ(left({{"every_n_epochs", 2}, {"save_top_k", -1}}), (Files{"epoch=1-step=8", "epoch=3-step=16"}));
}

TEST_F(CheckpointTest, StepsCanBeCountedInstead) {
    EXPECT_EQ(left({{"every_n_train_steps", 3}, {"save_top_k", -1}}),
              (Files{"epoch=0-step=3", "epoch=1-step=6", "epoch=2-step=9", "epoch=2-step=12", "epoch=3-step=15",
                     "epoch=4-step=18"}));
}

TEST_F(CheckpointTest, EveryValidationIsAMomentToSave) {
    EXPECT_EQ(left({{"save_top_k", -1}}, {.epochs = 2, .validate_every_n_batches = 2}),
              (Files{"epoch=0-step=2", "epoch=0-step=4", "epoch=1-step=6", "epoch=1-step=8"}));
    EXPECT_EQ(left({{"save_top_k", -1}}, {.validate_every_n_epochs = 2}), (Files{"epoch=1-step=8", "epoch=3-step=16"}));
}

TEST_F(CheckpointTest, ANameThatIsTakenGetsAVersion) {
    EXPECT_EQ(left({{"monitor", "x"}, {"filename", "same"}, {"save_top_k", 3}}), (Files{"same", "same-v1", "same-v2"}));
    EXPECT_EQ(left({{"monitor", "x"}, {"filename", "same"}, {"save_top_k", 3}, {"enable_version_counter", false}}),
              (Files{"same"}));
}

TEST_F(CheckpointTest, ArgumentsThatContradictEachOtherAreRefused) {
    EXPECT_NE(refusal({{"save_top_k", 2}}).find("'save_top_k' is 2"), std::string::npos);
    EXPECT_NE(refusal({{"every_n_train_steps", 2}, {"every_n_epochs", 1}}).find("exclude each other"),
              std::string::npos);
    EXPECT_NE(refusal({{"every_n_train_steps", 2}, {"train_time_interval", 1.0}}).find("exclude"), std::string::npos);
    EXPECT_EQ(refusal({{"every_n_train_steps", 2}, {"every_n_epochs", 0}}), "");
    EXPECT_EQ(refusal({{"save_top_k", -1}, {"save_last", true}}), "");
    EXPECT_THROW(plugin.make<dv::Callback>("checkpoint", {{"save_top_k", -2}}), std::invalid_argument);
    EXPECT_THROW(plugin.make<dv::Callback>("checkpoint", {{"every_n_epochs", -1}}), std::invalid_argument);
    EXPECT_THROW(plugin.make<dv::Callback>("checkpoint", {{"mode", "best"}}), std::invalid_argument);
}

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
    run.has_validation().stage(DV_STAGE_TRAIN);
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

// --- Files and the host --------------------------------------------------------------------------------------------

TEST_F(CheckpointTest, TheFolderIsSeenFromTheRunsFolderUnlessItIsAbsolute) {
    left({{"dirpath", "a/b"}});
    EXPECT_EQ(files_in(plugin.host().run_dir() / "a" / "b"), (Files{"epoch=4-step=20"}));
    const fs::path elsewhere = plugin.host().cache_dir() / "c";
    left({{"dirpath", elsewhere.string()}});
    EXPECT_EQ(files_in(elsewhere), (Files{"epoch=4-step=20"}));
}

TEST_F(CheckpointTest, FilesThatWereThereStayAndAreMentioned) {
    fs::create_directories(folder());
    std::ofstream(folder() / "epoch=0-step=4.ckpt") << "of an earlier run";
    auto callback = plugin.make<dv::Callback>("checkpoint");
    Runner(callback, plugin.host(), {}).run();
    EXPECT_EQ(files_in(folder()), (Files{"epoch=0-step=4", "epoch=4-step=20"}));
    EXPECT_NE(plugin.host().log_text(DV_LOG_WARNING).find("not empty"), std::string::npos);
}

TEST_F(CheckpointTest, WeightsOnlyIsPassedOn) {
    left({});
    EXPECT_FALSE(plugin.host().checkpoints().back().weights_only);
    left({{"save_weights_only", true}});
    EXPECT_TRUE(plugin.host().checkpoints().back().weights_only);
}

TEST_F(CheckpointTest, AFileThatCouldNotBeWrittenEndsTheRunAndTheFormerOneStays) {
    auto callback = plugin.make<dv::Callback>("checkpoint");
    Runner(callback, plugin.host(), {.epochs = 1}).run();
    plugin.host().checkpoint_failure = "No space left on device";
    RunBuilder run;
    run.epoch(1).step(8).stage(DV_STAGE_TRAIN);
    callback.phase(DV_FIT_START, run);
    try {
        callback.phase(DV_TRAIN_EPOCH_END, run);
        FAIL() << "a failed save went unnoticed";
    } catch (const dv::ComponentError& error) {
        EXPECT_NE(error.text.find("No space left on device"), std::string::npos) << error.text;
    }
    EXPECT_EQ(files_in(folder()), (Files{"epoch=0-step=4"}));
}

TEST_F(CheckpointTest, AHostThatWritesNoCheckpointsIsRefused) {
    plugin.host().withhold(DV_EXT_CHECKPOINT);
    auto callback = plugin.make<dv::Callback>("checkpoint");
    try {
        callback.phase(DV_FIT_START);
        FAIL() << "a host without dv.checkpoint was accepted";
    } catch (const dv::ComponentError& error) {
        EXPECT_NE(error.text.find("dv.checkpoint/1"), std::string::npos) << error.text;
    }
}

TEST_F(CheckpointTest, TemplatesThatCannotBeFilledAreRefused) {
    for (const char* bad :
         {"{epoch", "epoch}", "{}", "{:d}", "{epoch:x}", "{x:.f}", "{x:.2d}", "{a{b}}", "{x:999999}"}) {
        EXPECT_NE(refusal({{"filename", bad}}).find("'filename' is '" + std::string(bad) + "'"), std::string::npos)
            << bad;
    }
    EXPECT_NE(refusal({{"filename", "../{epoch}"}}).find("must lie in dirpath"), std::string::npos);
    EXPECT_NE(refusal({{"filename", "/tmp/{epoch}"}}).find("must lie in dirpath"), std::string::npos);
    EXPECT_NE(refusal({{"last_name", ""}}).find("'last_name' is empty"), std::string::npos);
}

TEST_F(CheckpointTest, FieldsTakeFormats) {
    const auto name = [&](const std::string& filename) {
        const Files files =
            left({{"filename", filename}, {"auto_insert_metric_name", false}}, {.epochs = 1, .x = {12.625}});
        return files.size() == 1 ? *files.begin() : "";
    };
    EXPECT_EQ(name("{x}"), "12.625");
    EXPECT_EQ(name("{x:.1f}"), "12.6");
    EXPECT_EQ(name("{x:08.2f}"), "00012.62");
    EXPECT_EQ(name("{x:.2e}"), "1.26e+01");
    EXPECT_EQ(name("{x:.3g}"), "12.6");
    EXPECT_EQ(name("{x:.3}"), "12.6");
    EXPECT_EQ(name("{x:d}"), "13");
    EXPECT_EQ(name("{step:04d}"), "0004");
    EXPECT_EQ(name("{step:04}"), "0004");
    EXPECT_EQ(name("{step:3d}"), "  4");
    EXPECT_EQ(name("{step:.1f}"), "4.0");
    EXPECT_EQ(name("{step:g}"), "4");
    EXPECT_EQ(name("a{epoch}b{epoch}c"), "a0b0c");
}

TEST_F(CheckpointTest, VerboseTellsWhatWasDecided) {
    left({{"monitor", "x"}, {"verbose", true}}, {.epochs = 2, .x = {1, 2}});
    EXPECT_NE(plugin.host().log_text().find("epoch 0, step 4: x = 1, saved"), std::string::npos);
    EXPECT_NE(plugin.host().log_text().find("epoch 1, step 8: x = 2, not among the best 1"), std::string::npos);
}

TEST_F(CheckpointTest, TheBestFileIsNamedAtTheEnd) {
    left({{"monitor", "x"}, {"mode", "max"}});
    EXPECT_EQ(plugin.host().log_text(),
              "best checkpoint: " + (folder() / "epoch=0-step=4.ckpt").string() + " (x = 10)\n");
}

TEST_F(CheckpointTest, AFileThatTwoPlacesShareIsNotRemovedWithOneOfThem) {
    EXPECT_EQ(left({{"monitor", "x"}, {"save_top_k", 2}, {"filename", "{x:.0f}"}, {"enable_version_counter", false}},
                   {.epochs = 3, .x = {3.1, 2.9, 1}}),
              (Files{"x=1", "x=3"}));
}

TEST_F(CheckpointTest, ItRunsAfterThoseThatLog) { EXPECT_TRUE(plugin.make<dv::Callback>("checkpoint").monitors()); }

}  // namespace

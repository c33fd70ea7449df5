#include "fixture.hpp"

namespace checkpoint::testing {
namespace {

// --- Files and the host --------------------------------------------------------------------------------------------

TEST_F(CheckpointTest, TheFolderIsSeenFromTheRunsFolderUnlessItIsAbsolute) {
    left({{"dirpath", "a/b"}});
    EXPECT_EQ(files_in(plugin.host().run_dir() / "a" / "b"), (Files{"epoch=4-step=20"}));
    const fs::path elsewhere = plugin.host().cache_dir() / "c";
    auto callback = plugin.make<dv::Callback>("checkpoint", {{"dirpath", elsewhere.string()}});
    Runner(callback, plugin.host(), {}).run();
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

TEST_F(CheckpointTest, OnAFirstHostAFileThatCouldNotBeWrittenEndsTheRunAndTheFormerOneStays) {
    plugin.host().minor = 0;
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
}  // namespace checkpoint::testing

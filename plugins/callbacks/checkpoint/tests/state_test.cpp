#include "fixture.hpp"

#include <fstream>
#include <sstream>

namespace checkpoint::testing {
namespace {

/// A run that ended after some epochs, and a second callback that goes on from its state in the same folder.
class CheckpointStateTest : public CheckpointTest {
protected:
    CallbackHandle make(const Config& config) { return plugin.make<dv::Callback>("checkpoint", config); }

    Config state_after(const Config& config, const Fit& fit) {
        auto callback = make(config);
        Runner(callback, plugin.host(), fit).run();
        return callback.save_state();
    }
    /// What is left after the first epochs in one run and the others in another one.
    Files left_in_two_runs(const Config& config, int first, const Fit& fit = {}) {
        Fit begin = fit, end = fit;
        begin.epochs = first;
        end.first_epoch = first;
        const Config state = state_after(config, begin);
        auto callback = make(config);
        callback.load_state(state);
        Runner(callback, plugin.host(), end).run();
        return files_in(folder());
    }
    std::string at(const std::string& name) { return (folder() / (name + ".ckpt")).string(); }
    static std::string text(const Config& state, std::string_view key) { return *state.get(key)->as<std::string>(); }
};

TEST_F(CheckpointStateTest, ItsKeyIsLightnings) {
    EXPECT_EQ(make({}).state_key(),
              "ModelCheckpoint{'monitor': None, 'mode': 'min', 'every_n_train_steps': 0, 'every_n_epochs': 1, "
              "'train_time_interval': None}");
    EXPECT_EQ(make({{"monitor", "val/loss"}, {"mode", "max"}, {"train_time_interval", 86403.5}}).state_key(),
              "ModelCheckpoint{'monitor': 'val/loss', 'mode': 'max', 'every_n_train_steps': 0, 'every_n_epochs': 0, "
              "'train_time_interval': datetime.timedelta(days=1, seconds=3, microseconds=500000)}");
}

TEST_F(CheckpointStateTest, ItsStateHasLightningsNames) {
    const Config state = state_after({{"monitor", "x"}, {"save_top_k", 2}, {"save_last", true}}, {});
    EXPECT_EQ(text(state, "monitor"), "x");
    EXPECT_EQ(text(state, "dirpath"), folder().string());
    EXPECT_EQ(text(state, "best_model_path"), at("epoch=4-step=20"));
    EXPECT_EQ(text(state, "kth_best_model_path"), at("epoch=2-step=12"));
    EXPECT_EQ(text(state, "last_model_path"), at("last"));
    EXPECT_EQ(state.get("best_model_score")->number(), 2.5);
    EXPECT_EQ(state.get("kth_value")->number(), 2.8);
    EXPECT_EQ(state.get("current_score")->number(), 2.5);
    EXPECT_EQ(*state.get("best_k_models"), (Config{{at("epoch=4-step=20"), 2.5}, {at("epoch=2-step=12"), 2.8}}));
}

TEST_F(CheckpointStateTest, TheStateIsTakenAfterTheFileIsCountedIn) {
    plugin.host().holds_checkpoints = true;
    auto callback = make({{"monitor", "x"}});
    RunBuilder run;
    run.validates_each_epoch_end().stage(DV_STAGE_TRAIN);
    callback.phase(DV_FIT_START, run);
    callback.phase(DV_VALIDATION_END, run.step(4).stage(DV_STAGE_VALIDATE).metric("x", 1.0));
    callback.phase(DV_TRAIN_EPOCH_END, run.stage(DV_STAGE_TRAIN));
    EXPECT_TRUE(plugin.host().checkpoints().empty());  // asked for, and not waited for
    EXPECT_EQ(text(callback.save_state(), "best_model_path"), at("epoch=0-step=4"));
    plugin.host().settle_checkpoints();
    EXPECT_TRUE(plugin.host().checkpoints().back().requested);
}

TEST_F(CheckpointStateTest, ARunThatGoesOnEndsAsOneThatWasNotInterrupted) {
    const Config monitored{{"monitor", "x"}, {"save_top_k", 2}, {"save_last", true}};
    EXPECT_EQ(left_in_two_runs(monitored, 3), (Files{"epoch=2-step=12", "epoch=4-step=20", "last"}));
    fs::remove_all(folder());
    EXPECT_EQ(left_in_two_runs({}, 2), (Files{"epoch=4-step=20"}));
    fs::remove_all(folder());
    EXPECT_EQ(left_in_two_runs({{"monitor", "x"}, {"every_n_train_steps", 3}}, 3), (Files{"epoch=2-step=12"}));
    EXPECT_EQ(plugin.host().announced().best, at("epoch=2-step=12"));
}

TEST_F(CheckpointStateTest, AStateOfLightningIsUnderstood) {
    for (const char* name : {"a", "b"}) {
        fs::create_directories(folder());
        std::ofstream(at(name)) << "x";
    }
    auto callback = make({{"monitor", "x"}, {"save_top_k", 2}});
    callback.load_state(Config{{"monitor", "x"},
                               {"best_model_score", 1.0},
                               {"best_model_path", at("b")},
                               {"current_score", 1.0},
                               {"dirpath", folder().string()},
                               {"best_k_models", Config{{at("a"), 4.0}, {at("b"), 1.0}}},
                               {"kth_best_model_path", at("a")},
                               {"kth_value", 4.0},
                               {"last_model_path", ""}});
    Runner(callback, plugin.host(), {.epochs = 3}).run();
    EXPECT_EQ(files_in(folder()), (Files{"b", "epoch=2-step=12"}));
}

TEST_F(CheckpointStateTest, OfARunInAnotherFolderOnlyTheBestFileIsTakenOver) {
    Config state = state_after({{"monitor", "x"}, {"save_last", true}}, {.epochs = 1});
    state.set("dirpath", "/elsewhere");
    state.set("best_model_path", "/elsewhere/best.ckpt");
    auto callback = make({{"monitor", "x"}});
    callback.load_state(state);
    const Config now = callback.save_state();
    EXPECT_EQ(text(now, "best_model_path"), "/elsewhere/best.ckpt");
    EXPECT_EQ(text(now, "last_model_path"), "");
    EXPECT_EQ(*now.get("best_k_models"), Config());
    EXPECT_NE(plugin.host().log_text(DV_LOG_WARNING).find("'/elsewhere'"), std::string::npos);
}

TEST_F(CheckpointStateTest, TheFileThatTheRunWentOnFromIsNeverRemoved) {
    const Config state = state_after({}, {.epochs = 2});
    plugin.host().resumed_from = at("epoch=1-step=8");
    auto callback = make({});
    callback.load_state(state);
    Runner(callback, plugin.host(), {.first_epoch = 2}).run();
    EXPECT_EQ(files_in(folder()), (Files{"epoch=1-step=8", "epoch=4-step=20"}));
    EXPECT_EQ(plugin.host().log_text(DV_LOG_WARNING), "");  // a folder that is not empty is what is expected here
}

TEST_F(CheckpointStateTest, TheHostKnowsWhichFileIsTheBestAndWhichTheLast) {
    left({{"monitor", "x"}, {"mode", "max"}, {"save_last", true}});
    EXPECT_EQ(plugin.host().announced().best, at("epoch=0-step=4"));
    EXPECT_EQ(plugin.host().announced().last, at("last"));
    left({{"save_top_k", 0}});
    EXPECT_EQ(plugin.host().announced().best, "");
}

TEST_F(CheckpointStateTest, ARunOfWhichNothingIsKeptWritesNothing) {
    auto callback = make({{"save_last", true}, {"every_n_train_steps", 1}, {"save_on_exception", true}});
    Runner(callback, plugin.host(), {.fast_dev_run = true}).run();
    Runner(callback, plugin.host(), {.throws_after_step = 2, .fast_dev_run = true}).run();
    EXPECT_TRUE(plugin.host().checkpoints().empty());
    EXPECT_FALSE(fs::exists(folder()));
}

TEST_F(CheckpointStateTest, AFailureIsSavedBeforeTheRunIsGone) {
    plugin.host().holds_checkpoints = true;
    auto callback = make({{"save_on_exception", true}});
    Runner(callback, plugin.host(), {.throws_after_step = 2}).run();
    EXPECT_EQ(files_in(folder()), (Files{"epoch=0-step=2", "last"}));
    EXPECT_FALSE(plugin.host().checkpoints().back().requested);
}

TEST_F(CheckpointStateTest, NothingIsRemovedWhenItsSuccessorCouldNotBeWritten) {
    auto callback = make({});
    Runner(callback, plugin.host(), {.epochs = 1}).run();
    plugin.host().checkpoint_failure = "No space left on device";
    RunBuilder run;
    run.validates_each_epoch_end().epoch(1).step(8).stage(DV_STAGE_TRAIN);
    callback.phase(DV_FIT_START, run);
    callback.phase(DV_TRAIN_EPOCH_END, run);
    EXPECT_EQ(files_in(folder()), (Files{"epoch=0-step=4"}));
}

TEST_F(CheckpointStateTest, ANameThatIsOnlyAskedForIsTaken) {
    plugin.host().holds_checkpoints = true;
    auto callback = make({{"filename", "same"}, {"save_top_k", -1}});
    Runner(callback, plugin.host(), {.epochs = 3}).run();
    plugin.host().settle_checkpoints();
    EXPECT_EQ(files_in(folder()), (Files{"same", "same-v1", "same-v2"}));
}

// --- A link in place of a file -------------------------------------------------------------------------------------

TEST_F(CheckpointStateTest, LastCanBeALinkToTheNewest) {
    EXPECT_EQ(left({{"monitor", "x"}, {"save_last", true}, {"save_last_as", "link"}}),
              (Files{"epoch=4-step=20", "last"}));
    EXPECT_EQ(fs::read_symlink(at("last")), "epoch=4-step=20.ckpt");
    EXPECT_EQ(written(),
              (std::vector<std::string>{"epoch=0-step=4", "epoch=1-step=8", "epoch=2-step=12", "epoch=4-step=20"}));
}

TEST_F(CheckpointStateTest, WhereNothingElseIsWrittenItIsAFile) {
    EXPECT_EQ(left({{"save_top_k", 0}, {"save_last", true}, {"save_last_as", "link"}}), (Files{"last"}));
    EXPECT_FALSE(fs::is_symlink(at("last")));
}

TEST_F(CheckpointStateTest, ALinkIsMovedWhenItsFileHasCome) {
    plugin.host().holds_checkpoints = true;
    auto callback = make({{"save_last", true}, {"save_last_as", "link"}});
    RunBuilder run;
    run.stage(DV_STAGE_TRAIN);
    callback.phase(DV_FIT_START, run);
    const auto epoch = [&](int n) {
        callback.phase(DV_TRAIN_EPOCH_END, run.epoch(n).step(n + 1));
        callback.phase(DV_TRAIN_BATCH_START, run);
    };
    epoch(0);
    EXPECT_FALSE(fs::is_symlink(at("last")));
    plugin.host().settle_checkpoints();
    callback.phase(DV_TRAIN_BATCH_START, run);
    EXPECT_EQ(fs::read_symlink(at("last")), "epoch=0-step=1.ckpt");
    epoch(1);
    EXPECT_EQ(fs::read_symlink(at("last")), "epoch=0-step=1.ckpt");
    plugin.host().settle_checkpoints();
    EXPECT_TRUE(fs::exists(at("epoch=0-step=1")));  // until the link is moved
    callback.phase(DV_TRAIN_BATCH_START, run);
    plugin.host().settle_checkpoints();
    EXPECT_EQ(files_in(folder()), (Files{"epoch=1-step=2", "last"}));
    EXPECT_EQ(fs::read_symlink(at("last")), "epoch=1-step=2.ckpt");
}

TEST_F(CheckpointStateTest, AnInterruptionPutsAFileWhereTheLinkWas) {
    EXPECT_EQ(left({{"save_last", true}, {"save_last_as", "link"}},
                   {.throws_after_step = 6, .message = "interrupted (SIGINT)"}),
              (Files{"epoch=0-step=4", "last"}));
    EXPECT_FALSE(fs::is_symlink(at("last")));
}

// --- The index -----------------------------------------------------------------------------------------------------

TEST_F(CheckpointStateTest, AnIndexListsTheFilesThatAreKept) {
    left({{"monitor", "x"}, {"save_top_k", 2}, {"write_index", true}});
    std::ostringstream index;
    index << std::ifstream(folder() / "best_k_models.toml").rdbuf();
    EXPECT_EQ(index.str(), "\"" + at("epoch=4-step=20") + "\" = 2.5\n\"" + at("epoch=2-step=12") + "\" = 2.8\n");
}

}  // namespace
}  // namespace checkpoint::testing

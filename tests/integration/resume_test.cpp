/// A run that is broken off and resumed leaves the files of a run that never was.

#include "program.hpp"

#if __has_include(<sqlite3.h>)
#include <sqlite3.h>
#define HAVE_SQLITE
#endif

#include <csignal>
#include <cstdlib>
#include <random>
#include <thread>

namespace dvhost::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class ResumedRun : public ProgramTest {
protected:
    static constexpr const char* kFiles[] = {"metrics.csv", "metrics.jsonl", "trained.safetensors"};

    /// 3 epochs of 8 batches: accumulation, a validation in mid-epoch, a schedule, checkpoints at every step, two loader threads.
    std::vector<std::string> fit(const std::string& dir, const std::vector<std::string>& more = {}) const {
        std::vector<std::string> out{"run", tiny()};
        for (const char* o : {"run.stages=[\"fit\"]", "trainer.max_epochs=3", "trainer.accumulate_grad_batches=2", "trainer.val_check_interval=0.5",
                              "data.batch_size=4", "data.num_workers=2", "schedule={type=\"cosine\",interval=\"step\"}",
                              "callback+={type=\"checkpoint\",every_n_train_steps=1,save_top_k=2,monitor=\"val/loss\",save_last=true}"}) {
            out.insert(out.end(), {"-o", o});
        }
        out.insert(out.end(), {"-o", "run.dir=\"" + dir + "\""});
        out.insert(out.end(), more.begin(), more.end());
        return out;
    }
    void expect_same(const std::string& whole, const std::string& broken) const {
        for (const char* name : kFiles) {
            EXPECT_EQ(read(fs::path(broken) / "version_0" / name), read(fs::path(whole) / "version_0" / name)) << name;
        }
        EXPECT_FALSE(fs::exists(folder / broken / "version_1")) << "resuming made a folder of its own";
    }
    fs::path last(const std::string& dir) const { return folder / dir / "version_0/checkpoints/last.ckpt"; }
};

TEST_F(ResumedRun, EqualsAnUninterruptedOne) {
    ASSERT_EQ(dvhost(fit("whole")).code, 0);
    // The same run once more, with every file kept, and then taken up again from some of them.
    ASSERT_EQ(dvhost(fit("again", {"-o", "callback.0.save_top_k=-1"})).code, 0);
    int resumed_from = 0;
    for (const auto& entry : fs::directory_iterator(folder / "again/version_0/checkpoints")) {
        if (resumed_from == 6) break;
        ++resumed_from;
        const Result resumed = dvhost(fit("again", {"-o", "callback.0.save_top_k=-1", "--ckpt", entry.path().string()}));
        ASSERT_EQ(resumed.code, 0) << resumed.err;
        EXPECT_THAT(resumed.err, HasSubstr("training goes on from"));
        expect_same("whole", "again");
    }
    EXPECT_EQ(resumed_from, 6);
}

/// DVHOST_KILLS raises their number.
TEST_F(ResumedRun, SurvivesKillsAtRandomMoments) {
    ASSERT_EQ(dvhost(fit("whole")).code, 0);
    const char* asked = std::getenv("DVHOST_KILLS");
    const int kills = asked != nullptr ? std::atoi(asked) : 10;
    std::mt19937 random(1);
    std::uniform_int_distribution<int> pause(0, 1500);  // [ms]
    for (int kill = 0, run = 0; kill < kills; ++run) {
        const std::string dir = "killed" + std::to_string(run);
        bool finished = false;
        while (!finished && kill < kills) {
            Process process = start(fit(dir, {"--resume"}));
            std::this_thread::sleep_for(std::chrono::milliseconds(pause(random)));
            process.send(SIGKILL);
            const Result result = process.wait();
            finished = result.code == 0;
            if (!finished) ++kill;
            ASSERT_TRUE(finished || result.code == 128 + SIGKILL) << result.code << "\n" << result.err;
        }
        // A run that was killed before its first checkpoint left a folder without one; the last run is the whole one.
        if (!finished) {
            const Result result = dvhost(fit(dir, {"--resume"}));
            ASSERT_EQ(result.code, 0) << result.err;
        }
        fs::path newest;
        for (int n = 0; fs::exists(folder / dir / ("version_" + std::to_string(n))); ++n) newest = fs::path(dir) / ("version_" + std::to_string(n));
        for (const char* name : kFiles) EXPECT_EQ(read(newest / name), read(fs::path("whole") / "version_0" / name)) << newest / name;
    }
}

#ifdef HAVE_SQLITE
/// Everything in a database but what the clock says.
std::vector<std::string> logged(const fs::path& database) {
    sqlite3* opened = nullptr;
    std::vector<std::string> rows;
    if (sqlite3_open_v2(database.c_str(), &opened, SQLITE_OPEN_READONLY, nullptr) != SQLITE_OK) return rows;
    const auto add = [](void* to, int n, char** cells, char**) {
        std::string row;
        for (int i = 0; i < n; ++i) row.append(cells[i] != nullptr ? cells[i] : "NULL").append(" ");
        static_cast<std::vector<std::string>*>(to)->push_back(row);
        return 0;
    };
    for (const char* table : {"SELECT run, n, name, step, epoch, printf('%.17g', value) FROM metrics", "SELECT id, outcome FROM runs"}) {
        EXPECT_EQ(sqlite3_exec(opened, table, add, &rows, nullptr), SQLITE_OK) << sqlite3_errmsg(opened);
    }
    sqlite3_close(opened);
    return rows;
}

TEST_F(ResumedRun, LeavesTheDatabaseOfAnUninterruptedOne) {
    const std::vector<std::string> more{"-o", "logger+={type=\"sqlite\"}", "-o", "callback.0.save_top_k=-1"};
    ASSERT_EQ(dvhost(fit("whole", more)).code, 0);
    const std::vector<std::string> whole = logged(folder / "whole/version_0/dvhost.sqlite");
    ASSERT_GT(whole.size(), 30u);
    ASSERT_EQ(dvhost(fit("again", more)).code, 0);
    for (const char* step : {"epoch=0-step=3", "epoch=1-step=10", "epoch=2-step=20"}) {
        std::vector<std::string> resumed = more;
        resumed.insert(resumed.end(), {"--ckpt", "again/version_0/checkpoints/" + std::string(step) + ".ckpt"});
        const Result result = dvhost(fit("again", resumed));
        ASSERT_EQ(result.code, 0) << result.err;
        EXPECT_EQ(logged(folder / "again/version_0/dvhost.sqlite"), whole) << step;
    }
}
#endif

TEST_F(ResumedRun, PassesOverAFileThatIsNotWhole) {
    ASSERT_EQ(dvhost(fit("whole")).code, 0);
    ASSERT_EQ(dvhost(fit("torn")).code, 0);
    const std::string bytes = read(fs::relative(last("torn"), folder));
    for (const std::size_t n : {std::size_t{0}, std::size_t{4096}, bytes.size() / 2, bytes.size() - 1}) {
        file("torn/version_0/checkpoints/zzz" + std::to_string(n) + ".ckpt", bytes.substr(0, n));  // newer than all others
    }
    const Result resumed = dvhost(fit("torn", {"--resume"}));
    ASSERT_EQ(resumed.code, 0) << resumed.err;
    EXPECT_THAT(resumed.err, HasSubstr("passed over"));
    expect_same("whole", "torn");
}

TEST_F(ResumedRun, OfAnotherModelIsRefusedWithNamesAndShapes) {
    ASSERT_EQ(dvhost(fit("some", {"-o", "trainer.max_steps=2"})).code, 0);
    const Result result = dvhost(fit("some", {"--resume", "-o", "model.layer.0.conv.channels=5"}));
    EXPECT_NE(result.code, 0);
    EXPECT_THAT(result.err, HasSubstr("4"));
    EXPECT_THAT(result.err, HasSubstr("5"));
    EXPECT_THAT(result.err, HasSubstr("V1"));
}

TEST_F(ResumedRun, WithAnotherBatchSizeIsRefused) {
    ASSERT_EQ(dvhost(fit("some", {"-o", "trainer.max_steps=1"})).code, 0);
    const Result result = dvhost(fit("some", {"--resume", "-o", "data.batch_size=8"}));
    // The step ended its epoch when it was cut short, so a new epoch begins and the size may change.
    EXPECT_EQ(result.code, 0) << result.err;
}

TEST_F(ResumedRun, WithAnotherOptimizerIsRefused) {
    ASSERT_EQ(dvhost(fit("some", {"-o", "trainer.max_steps=2"})).code, 0);
    const Result result = dvhost(fit("some", {"--resume", "-o", "optimizer={type=\"sgd\",lr=0.1,momentum=0.9}"}));
    EXPECT_NE(result.code, 0);
    EXPECT_THAT(result.err, HasSubstr("momentum_buffer"));
}

/// [weights] begins a run; a checkpoint of it is taken whole all the same, and the same parameters go on being trained.
TEST_F(ResumedRun, WithWeightsSelectedFromAnotherFileIsStillExact) {
    ASSERT_EQ(dvhost(fit("first", {"-o", "trainer.max_steps=2"})).code, 0);
    const std::vector<std::string> more{"-o", "weights.path=\"first/version_0/trained.safetensors\"", "-o", "weights.match=[\"V1.*\"]",
                                        "-o", "weights.strict=false", "-o", "callback.0.save_top_k=-1"};
    ASSERT_EQ(dvhost(fit("whole", more)).code, 0);
    ASSERT_EQ(dvhost(fit("again", more)).code, 0);
    std::vector<std::string> resumed = more;
    resumed.insert(resumed.end(), {"--ckpt", "again/version_0/checkpoints/epoch=0-step=4.ckpt"});
    const Result result = dvhost(fit("again", resumed));
    ASSERT_EQ(result.code, 0) << result.err;
    expect_same("whole", "again");
}

TEST_F(ResumedRun, NamesAFileThatIsNotThere) {
    const Result result = dvhost(fit("some", {"--ckpt", "nowhere.ckpt"}));
    EXPECT_NE(result.code, 0);
    EXPECT_THAT(result.err, HasSubstr("nowhere.ckpt"));
    const Result best = dvhost(fit("some", {"--ckpt", "best"}));
    EXPECT_NE(best.code, 0);
    EXPECT_THAT(best.err, HasSubstr("--ckpt best"));
}

TEST_F(ResumedRun, WithoutAnyCheckpointBeginsAnew) {
    const Result result = dvhost(fit("fresh", {"--resume", "-o", "trainer.max_steps=1"}));
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr("begins anew"));
}

TEST_F(ResumedRun, TestsTheBestOfTheLastRun) {
    ASSERT_EQ(dvhost(fit("some")).code, 0);
    std::vector<std::string> test = fit("some", {"--ckpt", "best"});
    test[0] = "test";
    const Result result = dvhost(test);
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr("weights from"));
    EXPECT_THAT(result.out, HasSubstr("test/accuracy"));
    EXPECT_TRUE(fs::exists(folder / "some/version_1"));  // an evaluation has a folder of its own
}

TEST_F(ResumedRun, ACheckpointOfWeightsAloneIsNotEnough) {
    ASSERT_EQ(dvhost(fit("some", {"-o", "trainer.max_steps=2", "-o", "callback.0.save_weights_only=true"})).code, 0);
    const Result result = dvhost(fit("some", {"--resume"}));
    EXPECT_NE(result.code, 0);
    EXPECT_THAT(result.err, HasSubstr("'optimizer_states'"));
    const Result partial = dvhost(fit("some", {"--resume", "-o", "trainer.resume_partial=true"}));
    EXPECT_EQ(partial.code, 0) << partial.err;
}

}  // namespace
}  // namespace dvhost::testing

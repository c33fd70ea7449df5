/// A logger that never comes back does not hold the end of a run.

#include "program.hpp"

#include <csignal>

namespace dvhost::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class HangingLogger : public ProgramTest {
protected:
    const std::string run = "runs/tiny/version_0";

    std::vector<std::string> with_it(const std::vector<std::string>& more) const {
        std::vector<std::string> out{"run", tiny(), "--plugin-path", fs::path(HANGING_LOGGER).parent_path().string(),
                                     "-o", "logger+={type=\"example.logger.hanging\"}"};
        out.insert(out.end(), more.begin(), more.end());
        return out;
    }
    Result dvhost_while_it_hangs(const std::string& hook, const std::vector<std::string>& more) {
        environment["DVHOST_TEST_HANGS"] = hook;
        const Result result = dvhost(with_it(more));
        environment.erase("DVHOST_TEST_HANGS");
        return result;
    }
    Result sync() { return dvhost({"logs", "sync", run, "--plugin-path", fs::path(HANGING_LOGGER).parent_path().string()}); }
    /// Of the CSV file, whose names need no quotes here.
    std::size_t rows() const { return lines(read(run + "/metrics.csv")).size() - 1; }
};

TEST_F(HangingLogger, IsLeftWhenItsTimeIsOverAndSyncHandsOverWhatItLacks) {
    const Result result = dvhost_while_it_hangs("finalize", {"-o", "logging.finish_timeout=0.2"});
    EXPECT_EQ(result.code, 69) << result.err;
    EXPECT_THAT(result.err, AllOf(HasSubstr("did not come back within"), HasSubstr("`dvhost logs sync"), HasSubstr(run)));
    EXPECT_THAT(result.out, HasSubstr("test/accuracy")) << "the table of a run that went well";
    EXPECT_TRUE(fs::exists(folder / run / "trained.safetensors"));
    EXPECT_TRUE(fs::exists(folder / run / ".dvspool"));
    const std::size_t whole = rows();
    EXPECT_GT(whole, 8u) << "the others are whole";

    const Result synced = sync();
    EXPECT_EQ(synced.code, 0) << synced.err;
    EXPECT_EQ(lines(read("handed_over.txt")).size(), 2 * whole + 1) << "all of it comes again: this logger says it was safe at the beginning only";
    EXPECT_TRUE(read("handed_over.txt").ends_with("success\n"));
    EXPECT_FALSE(fs::exists(folder / run / ".dvspool"));
    EXPECT_EQ(rows(), whole);
}

TEST_F(HangingLogger, InARowLeavesAllLoggersToSync) {
    const Result result = dvhost_while_it_hangs("metrics", {"-o", "logging.finish_timeout=0.2"});
    EXPECT_EQ(result.code, 69) << result.err;
    EXPECT_THAT(result.err, AllOf(HasSubstr("did not come back within"), HasSubstr("because another logger held it up")));
    ASSERT_EQ(sync().code, 0);
    const std::vector<std::string> handed_over = lines(read("handed_over.txt"));
    EXPECT_EQ(handed_over.size(), rows() + 1);
    EXPECT_GT(rows(), 8u);
}

TEST_F(HangingLogger, CtrlCEndsTheWait) {
    environment["DVHOST_TEST_HANGS"] = "finalize";
    Process process = start(with_it({}));
    ASSERT_TRUE(process.wait_for_error_text("hangs"));
    process.send(SIGINT);
    const Result result = process.wait();
    EXPECT_EQ(result.code, 130);
    EXPECT_THAT(result.err, AllOf(HasSubstr("not waiting for the loggers any longer"), HasSubstr("`dvhost logs sync")));
    EXPECT_TRUE(fs::exists(folder / run / "trained.safetensors"));
    environment.erase("DVHOST_TEST_HANGS");
    EXPECT_EQ(sync().code, 0);
    EXPECT_TRUE(read("handed_over.txt").ends_with("success\n"));
}

TEST_F(HangingLogger, OfAnInterruptedRunIsNotWaitedForEither) {
    environment["DVHOST_TEST_HANGS"] = "finalize";
    Process process = start(with_it({"-o", "trainer.max_epochs=-1", "-o", "data.n_train=640", "-o", "run.stages=[\"fit\"]",
                                     "-o", "logging.finish_timeout=0.2"}));
    ASSERT_TRUE(process.wait_for_error_text("Epoch 1")) << read(".stderr");
    process.send(SIGINT);
    const Result result = process.wait();
    EXPECT_EQ(result.code, 130) << result.err;
    EXPECT_THAT(result.err, AllOf(HasSubstr("interrupted (SIGINT)"), HasSubstr("`dvhost logs sync")));
    environment.erase("DVHOST_TEST_HANGS");
    EXPECT_EQ(sync().code, 0);
    EXPECT_TRUE(read("handed_over.txt").ends_with("interrupted\n"));
}

}  // namespace
}  // namespace dvhost::testing

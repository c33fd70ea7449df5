/// Ctrl-C and SIGTERM in the middle of an epoch.

#include "program.hpp"

#include <csignal>

namespace dvhost::testing {
namespace {

using ::testing::HasSubstr;

class Interrupt : public ProgramTest {
protected:
    /// A run that would go on for very long, once it is training.
    std::unique_ptr<Process> training() {
        auto process = std::make_unique<Process>(
            std::vector<std::string>{DVHOST_PROGRAM, "run", tiny(), "-o", "trainer.max_epochs=-1", "-o", "data.n_train=640",
                                     "-o", "run.stages=[\"fit\"]"},
            folder, environment);
        EXPECT_TRUE(process->wait_for_error_text("Epoch 2")) << read(".stderr");
        return process;
    }
};

TEST_F(Interrupt, CtrlCFinishesTheStepClosesFilesAndExitsWith130) {
    const auto process = training();
    process->send(SIGINT);
    const Result result = process->wait();
    EXPECT_EQ(result.code, 130) << result.err;
    EXPECT_THAT(result.err, HasSubstr("interrupted (SIGINT)"));
    const std::string metrics = read("runs/tiny/version_0/metrics.csv");
    EXPECT_GT(lines(metrics).size(), 40u);
    EXPECT_EQ(metrics.back(), '\n');
    EXPECT_TRUE(std::filesystem::exists(folder / "runs/tiny/version_0/checkpoints/last.ckpt"));
}

TEST_F(Interrupt, SigtermExitsWith143) {
    const auto process = training();
    process->send(SIGTERM);
    EXPECT_EQ(process->wait().code, 143);
}

TEST_F(Interrupt, ASecondCtrlCEndsItAtOnce) {
    const auto process = training();
    process->send(SIGSTOP);  // so that both signals are there before it can finish the step
    process->send(SIGINT);
    process->send(SIGTERM);
    process->send(SIGCONT);
    const Result result = process->wait();
    EXPECT_TRUE(result.code == 130 || result.code == 143) << result.code;
    EXPECT_THAT(result.err, HasSubstr("ending at once"));
}

}  // namespace
}  // namespace dvhost::testing

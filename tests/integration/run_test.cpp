/// A run from manifest to files.

#include "program.hpp"

namespace dvhost::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using WholeRun = ProgramTest;

TEST_F(WholeRun, TrainsTestsLogsAndSaves) {
    const Result result = dvhost({"run", tiny()});
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, AllOf(HasSubstr("test/accuracy"), HasSubstr("8 steps"), HasSubstr("runs/tiny/version_0")));
    const auto rows = lines(read("runs/tiny/version_0/metrics.csv"));
    // Header; per epoch 4 training rows, a validation row and an epoch row; one test row.
    EXPECT_THAT(rows, SizeIs(1 + 2 * 6 + 1));
    EXPECT_TRUE(std::filesystem::exists(folder / "runs/tiny/version_0/checkpoints/epoch=1-step=8.ckpt"));
    EXPECT_THAT(read("runs/tiny/version_0/dvhost.log"), HasSubstr("tiny"));
}

TEST_F(WholeRun, LearnsWhatItIsShown) {
    const Result result = dvhost({"run", tiny(), "-o", "trainer.max_epochs=12", "-o", "model.readout=flatten", "-o", "run.stages=[\"fit\",\"validate\"]"});
    ASSERT_EQ(result.code, 0) << result.err;
    double accuracy = 0.0;
    for (const std::string& line : lines(result.out)) {
        if (line.find("val/accuracy") != std::string::npos) accuracy = std::stod(line.substr(line.rfind(' ')));
    }
    EXPECT_GT(accuracy, 0.8);  // chance is 1/3
}

TEST_F(WholeRun, GivesEachRunAFolderOfItsOwn) {
    tiny();
    ASSERT_EQ(dvhost({"run", "tiny.toml", "-o", "trainer.max_steps=1"}).code, 0);
    ASSERT_EQ(dvhost({"run", "tiny.toml", "-o", "trainer.max_steps=1"}).code, 0);
    EXPECT_TRUE(std::filesystem::exists(folder / "runs/tiny/version_0/metrics.csv"));
    EXPECT_TRUE(std::filesystem::exists(folder / "runs/tiny/version_1/metrics.csv"));
}

TEST_F(WholeRun, RunsAgainFromItsResolvedManifest) {
    ASSERT_EQ(dvhost({"run", tiny(), "-o", "optimizer.lr=3e-3"}).code, 0);
    const Result again = dvhost({"run", "runs/tiny/version_0/config.toml"});
    ASSERT_EQ(again.code, 0) << again.err;
    EXPECT_EQ(read("runs/tiny/version_0/metrics.csv"), read("runs/tiny/version_1/metrics.csv"));
    const std::string resolved = read("runs/tiny/version_0/config.toml");
    EXPECT_THAT(resolved, AllOf(HasSubstr("dvhost.optimizer.adam"), HasSubstr("lr = 0.003"),
                                HasSubstr("command line (-o optimizer.lr=3e-3)"), HasSubstr("default")));
}

TEST_F(WholeRun, StopsAfterTheAskedSteps) {
    const Result result = dvhost({"run", tiny(), "-o", "trainer.max_steps=3", "-o", "run.stages=[\"fit\"]"});
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, AllOf(HasSubstr("3 steps"), HasSubstr("max_steps reached")));
}

TEST_F(WholeRun, AccumulatesGradientsOverBatches) {
    const Result result = dvhost({"run", tiny(), "-o", "trainer.accumulate_grad_batches=3", "-o", "trainer.max_epochs=1"});
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("2 steps"));  // 4 batches: a window of 3 and the rest
}

TEST_F(WholeRun, EveryShippedManifestIsRight) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(DVHOST_CONFIGS)) {
        if (entry.path().extension() != ".toml" || entry.path().parent_path().filename() == "fragments") continue;
        EXPECT_EQ(dvhost({"check", entry.path().string()}).code, 0) << entry.path();
    }
}

TEST_F(WholeRun, DescribesTheModelWithNumbers) {
    const Result result = dvhost({"describe", tiny()});
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, AllOf(HasSubstr("V1: 4 x 4 x 4"), HasSubstr("2 steps = 4 ms back"), HasSubstr("V1.conv.weight"),
                                  HasSubstr("multiply-adds")));
    EXPECT_FALSE(std::filesystem::exists(folder / "runs"));
}

}  // namespace
}  // namespace dvhost::testing

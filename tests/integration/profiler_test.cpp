/// trainer.profiler in whole runs.

#include "program.hpp"

#include <nlohmann/json.hpp>

namespace dvhost::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using ProfiledRun = ProgramTest;

TEST_F(ProfiledRun, ShowsATableAndKeepsIt) {
    const Result result = dvhost({"run", tiny(), "-o", "trainer.profiler=simple"});
    ASSERT_EQ(result.code, 0) << result.err;
    const std::string table = read("runs/tiny/version_0/profile.txt");
    EXPECT_THAT(table, AllOf(HasSubstr("Mean duration (s)"), HasSubstr("run_training_batch"), HasSubstr("train_dataloader_next"),
                             HasSubstr("[Module]dynvision.model.rcnn.training_step"), HasSubstr("[Callback]"), HasSubstr("save_checkpoint"),
                             HasSubstr("test_next")));
    EXPECT_THAT(result.err, HasSubstr("Mean duration (s)"));
}

TEST_F(ProfiledRun, CountsBytes) {
    ASSERT_EQ(dvhost({"run", tiny(), "-o", "trainer.profiler=memory"}).code, 0);
    EXPECT_THAT(read("runs/tiny/version_0/profile.txt"),
                AllOf(HasSubstr("Tensors on the host"), HasSubstr("Peak (bytes)"), HasSubstr("training_step"), HasSubstr("The process at its largest")));
}

TEST_F(ProfiledRun, WritesTracesThatAreJson) {
    const Result result = dvhost({"run", tiny(), "-o", "trainer.profiler=trace"});
    ASSERT_EQ(result.code, 0) << result.err;
    const auto actions = nlohmann::json::parse(read("runs/tiny/version_0/trace.json"));
    EXPECT_GT(actions.at("traceEvents").size(), 8u);
    const std::string operators = read("runs/tiny/version_0/trace_operators.json");
    EXPECT_TRUE(nlohmann::json::accept(operators));
    EXPECT_THAT(operators, HasSubstr("aten::convolution"));
}

TEST_F(ProfiledRun, ChangesNoNumber) {
    ASSERT_EQ(dvhost({"run", tiny()}).code, 0);
    ASSERT_EQ(dvhost({"run", tiny(), "-o", "trainer.profiler=trace"}).code, 0);
    EXPECT_EQ(read("runs/tiny/version_0/metrics.csv"), read("runs/tiny/version_1/metrics.csv"));
    EXPECT_FALSE(std::filesystem::exists(folder / "runs/tiny/version_0/profile.txt"));
}

TEST_F(ProfiledRun, IsRefusedWhenBarebones) {
    const Result result = dvhost({"run", tiny(), "-o", "trainer.barebones=true", "-o", "trainer.profiler=simple"});
    EXPECT_EQ(result.code, 68);
    EXPECT_THAT(result.err, AllOf(HasSubstr("barebones"), HasSubstr("profiler")));
}

}  // namespace
}  // namespace dvhost::testing

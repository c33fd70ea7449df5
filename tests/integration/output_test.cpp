/// Where numbers go, and what happens when they cannot.

#include "program.hpp"

#include <sys/mount.h>
#include <unistd.h>

namespace dvhost::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

using Output = ProgramTest;

TEST_F(Output, ALoggerIsSwappedByOneWord) {
    const Result result = dvhost({"run", tiny(), "-o", "logger.0.type=jsonl"});
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_FALSE(std::filesystem::exists(folder / "runs/tiny/version_0/metrics.csv"));
    EXPECT_THAT(read("runs/tiny/version_0/metrics.jsonl"), HasSubstr("\"train/loss\""));
}

TEST_F(Output, AFullDiskIsSaidAndEndsWith69AfterTraining) {
    const Result result = dvhost({"run", tiny(), "-o", "logger=[{type=\"csv\", path=\"/dev/full\"},{type=\"jsonl\"}]"});
    EXPECT_EQ(result.code, 69) << result.err;
    EXPECT_THAT(result.err, AllOf(HasSubstr("/dev/full"), HasSubstr("No space left on device"), HasSubstr("lost")));
    EXPECT_THAT(result.out, HasSubstr("8 steps"));
    EXPECT_THAT(read("runs/tiny/version_0/metrics.jsonl"), HasSubstr("\"test/accuracy\""));
}

TEST_F(Output, AFullFileSystemKeepsWhatWasLogged) {
    std::filesystem::create_directory(folder / "small");
    if (mount("none", (folder / "small").c_str(), "tmpfs", 0, "size=64k") != 0) {
        GTEST_SKIP() << "no permission to mount a small file system here";
    }
    const Result result = dvhost({"run", tiny(), "-o", "run.dir=small", "-o", "trainer.enable_checkpointing=false", "-o",
                                  "trainer.max_epochs=300", "-o", "logger=[{type=\"jsonl\"}]"});
    const std::string kept = read("small/version_0/metrics.jsonl");
    umount((folder / "small").c_str());
    EXPECT_EQ(result.code, 69) << result.err;
    EXPECT_THAT(result.err, HasSubstr("No space left on device"));
    EXPECT_GT(lines(kept).size(), 50u);
    EXPECT_EQ(kept.back(), '\n');
}

TEST_F(Output, ARequiredLoggerStopsTheRun) {
    const Result result = dvhost({"run", tiny(), "-o", "logger=[{type=\"csv\", path=\"/dev/full\", required=true}]", "-o",
                                  "trainer.max_epochs=1000"});
    EXPECT_EQ(result.code, 69);
    EXPECT_THAT(result.err, HasSubstr("is required and failed"));
}

TEST_F(Output, ARunFolderThatCannotBeMadeIsRefused) {
    file("taken", "a file, not a folder");
    const Result result = dvhost({"run", tiny(), "-o", "run.dir=taken/runs"});
    EXPECT_EQ(result.code, 66);
    EXPECT_THAT(result.err, AllOf(HasSubstr("taken/runs"), HasSubstr("run.dir")));
}

TEST_F(Output, AFullDiskWhileSavingACheckpointIsSaid) {
    std::filesystem::create_directory(folder / "small");
    if (mount("none", (folder / "small").c_str(), "tmpfs", 0, "size=16k") != 0) {
        GTEST_SKIP() << "no permission to mount a small file system here";
    }
    const Result result =
        dvhost({"run", tiny(), "-o", "callback+={type=\"checkpoint\", dirpath=\"" + (folder / "small").string() + "\"}"});
    for (const auto& entry : std::filesystem::directory_iterator(folder / "small")) {
        EXPECT_EQ(entry.path().extension(), ".ckpt") << entry.path();  // whole files, nothing temporary
    }
    umount((folder / "small").c_str());
    EXPECT_EQ(result.code, 69) << result.err;
    EXPECT_THAT(result.err, HasSubstr("No space left on device"));
}

}  // namespace
}  // namespace dvhost::testing

#include "line_file.hpp"
#include "small_disk.hpp"

#include <gtest/gtest.h>
#include <dv/error.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace {

namespace fs = std::filesystem;
using loggers::testing::SmallDisk;

std::string content(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

class LineFileTest : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "line_file_XXXXXX").string();
        folder = mkdtemp(pattern.data());
    }
    void TearDown() override { fs::remove_all(folder); }

    fs::path folder;
    fs::path path() const { return folder / "rows.txt"; }
};

TEST_F(LineFileTest, MakesFoldersAndReplacesWhatWasThere) {
    const fs::path deep = folder / "a" / "b" / "rows.txt";
    { loggers::LineFile(deep, 1).add("old\n", 0.0); }
    loggers::LineFile file(deep, 1);
    EXPECT_TRUE(file.would_replace());
    EXPECT_EQ(content(deep), "old\n") << "until there is something else";
    file.add("new\n", 0.0);
    EXPECT_EQ(content(deep), "new\n");
    EXPECT_FALSE(file.would_replace());
}

TEST_F(LineFileTest, GoesOnBehindWhatIsKept) {
    { loggers::LineFile(path(), 1).add("1\n2\n3", 0.0); }
    loggers::LineFile file(path(), 1);
    EXPECT_THROW(file.cut(100), dv::IoError);
    file.cut(4);
    EXPECT_EQ(file.size(), 4u);
    file.add("4\n", 0.0);
    EXPECT_EQ(content(path()), "1\n2\n4\n");
}

TEST_F(LineFileTest, BelongsToOneAtATime) {
    std::optional<loggers::LineFile> first;
    first.emplace(path(), 1);
    EXPECT_THROW(loggers::LineFile(path(), 1), dv::IoError);
    first.reset();
    loggers::LineFile second(path(), 1);
}

TEST_F(LineFileTest, WritesTheFirstLineAtOnceAndGathersThoseThatFollowFast) {
    loggers::LineFile file(path(), 3);
    file.add("1\n", 100.0);
    EXPECT_EQ(content(path()), "1\n");
    file.add("2\n", 100.1);
    file.add("3\n", 100.2);
    EXPECT_EQ(content(path()), "1\n");
    file.add("4\n", 100.3);
    EXPECT_EQ(content(path()), "1\n2\n3\n4\n");
}

TEST_F(LineFileTest, WritesEachLineOfASlowRunAtOnce) {
    loggers::LineFile file(path(), 1000);
    file.add("1\n", 100.0);
    file.add("2\n", 102.0);
    EXPECT_EQ(content(path()), "1\n2\n");
}

TEST_F(LineFileTest, WritesWhatWaitsWhenItEnds) {
    {
        loggers::LineFile file(path(), 1000);
        file.add("1\n", 100.0);
        file.add("2\n", 100.0);
    }
    EXPECT_EQ(content(path()), "1\n2\n");
}

TEST_F(LineFileTest, SaysWhichFileCannotBeMadeAndWhy) {
    std::ofstream(folder / "file") << "x";
    try {
        loggers::LineFile file(folder / "file" / "rows.txt", 1);
        FAIL() << "a file was made below a file";
    } catch (const dv::IoError& error) {
        EXPECT_NE(std::string(error.what()).find((folder / "file").string()), std::string::npos) << error.what();
        EXPECT_NE(std::string(error.what()).find("Not a directory"), std::string::npos) << error.what();
    }
}

TEST_F(LineFileTest, NamesPathAndReasonWhenTheDeviceIsFull) {
    if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
    loggers::LineFile file("/dev/full", 1);
    try {
        file.add("1\n", 0.0);
        FAIL() << "a full device took a line";
    } catch (const dv::IoError& error) {
        EXPECT_NE(std::string(error.what()).find("'/dev/full': No space left on device"), std::string::npos)
            << error.what();
    }
}

TEST_F(LineFileTest, HoldsWholeLinesOnlyWhenTheDiskIsFullAndLosesNoneOnceThereIsRoom) {
    loggers::LineFile file(path(), 1);
    {
        const SmallDisk disk(50);
        file.add("first line\n", 0.0);  // 11 bytes
        EXPECT_THROW(file.add("second line\nthird line\nthe fourth line which is long\n", 0.0), dv::IoError);
        EXPECT_EQ(content(path()), "first line\nsecond line\nthird line\n");  // 34 bytes; 50 fell into the fourth
        EXPECT_THROW(file.add("fifth\n", 0.0), dv::IoError);
        EXPECT_EQ(content(path()), "first line\nsecond line\nthird line\n");
    }
    file.add("sixth\n", 0.0);
    EXPECT_EQ(content(path()), "first line\nsecond line\nthird line\nthe fourth line which is long\nfifth\nsixth\n");
}

TEST_F(LineFileTest, SaysHowManyLinesWait) {
    loggers::LineFile file(path(), 1);
    const SmallDisk disk(4);
    try {
        file.add("1\n2\n3\n4\n", 0.0);
        FAIL() << "a full disk took all lines";
    } catch (const dv::IoError& error) {
        EXPECT_NE(std::string(error.what()).find("2 line(s) wait"), std::string::npos) << error.what();
    }
}

TEST_F(LineFileTest, RewritesEveryLineBehindTheHead) {
    loggers::LineFile file(path(), 100);
    file.add("old head\n", 0.0);
    std::string expected = "new head\n";
    for (int i = 0; i < 30000; ++i) {  // more than one chunk
        file.add(std::to_string(i) + "\n", 0.0);
        expected += std::to_string(i) + "!\n";
    }
    file.rewrite("new head\n", 9, [](std::string_view line, std::string& out) { (out += line) += "!\n"; });
    EXPECT_EQ(content(path()), expected);
    file.add("more\n", 10.0);
    EXPECT_EQ(content(path()), expected + "more\n");
    EXPECT_FALSE(fs::exists(path().string() + ".tmp"));
}

TEST_F(LineFileTest, KeepsTheOldContentWhenThereIsNoRoomForTheNew) {
    loggers::LineFile file(path(), 1);
    file.add("head\n1\n", 0.0);
    {
        const SmallDisk disk(12);
        EXPECT_THROW(
            file.rewrite("a longer head\n", 5, [](std::string_view line, std::string& out) { (out += line) += "\n"; }),
            dv::IoError);
    }
    EXPECT_EQ(content(path()), "head\n1\n");
    EXPECT_FALSE(fs::exists(path().string() + ".tmp"));
    file.add("2\n", 0.0);
    EXPECT_EQ(content(path()), "head\n1\n2\n");
}

TEST_F(LineFileTest, RewritesBehindALinkAndRefusesADevice) {
    std::ofstream(folder / "real.txt") << "";
    fs::create_symlink("real.txt", path());
    loggers::LineFile file(path(), 1);
    file.add("head\n1\n", 0.0);
    file.rewrite("HEAD\n", 5, [](std::string_view line, std::string& out) { (out += line) += "\n"; });
    EXPECT_TRUE(fs::is_symlink(path()));
    EXPECT_EQ(content(folder / "real.txt"), "HEAD\n1\n");

    loggers::LineFile null("/dev/null", 1);
    EXPECT_THROW(null.rewrite("", 0, [](std::string_view, std::string&) {}), dv::IoError);
    EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

}  // namespace

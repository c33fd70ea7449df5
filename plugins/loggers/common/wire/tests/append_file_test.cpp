#include "wire/append_file.hpp"

#include "tests/small_disk.hpp"

#include <dv/error.hpp>
#include <dv/testing/host.hpp>

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace {

namespace fs = std::filesystem;
using loggers::wire::AppendFile;

class AppendFileTest : public testing::Test {
protected:
    dv::testing::Host host;
    fs::path path = host.run_dir() / "deep" / "er" / "file";

    std::string written() const {
        std::ifstream in(path, std::ios::binary);
        std::ostringstream out;
        out << in.rdbuf();
        return out.str();
    }
};

TEST_F(AppendFileTest, WritesWhenEnoughTimeHasPassed) {
    AppendFile file(path);
    file.waiting() += "a";
    file.added(100.0, 1.0);
    EXPECT_EQ(written(), "a");
    file.waiting() += "b";
    file.added(100.9, 1.0);
    EXPECT_EQ(written(), "a");
    file.added(101.0, 1.0);
    EXPECT_EQ(written(), "ab");
    file.waiting() += "c";
    file.added(50.0, 1.0);  // the clock was set back
    EXPECT_EQ(written(), "abc");
}

TEST_F(AppendFileTest, WritesWhenMuchWaits) {
    AppendFile file(path);
    file.added(0.0, 1e9);
    file.waiting().assign(AppendFile::kGather, 'x');
    file.added(0.0, 1e9);
    EXPECT_EQ(written().size(), AppendFile::kGather);
    EXPECT_EQ(file.size(), AppendFile::kGather);
}

TEST_F(AppendFileTest, NeverOpensAFileThatExists) {
    { AppendFile file(path); }
    EXPECT_THROW(AppendFile again(path), dv::IoError);
}

TEST_F(AppendFileTest, WhatADiskDidNotTakeFollowsLaterByteForByte) {
    AppendFile file(path);
    {
        const loggers::testing::SmallDisk disk(5);
        file.waiting() += "12345678";
        try {
            file.write();
            FAIL() << "a full disk took it";
        } catch (const dv::IoError& error) {
            EXPECT_NE(std::string(error.what()).find(path.string()), std::string::npos);
            EXPECT_NE(std::string(error.what()).find("3 bytes wait"), std::string::npos) << error.what();
        }
        EXPECT_EQ(written(), "12345");
    }
    file.waiting() += "9";
    file.write();
    EXPECT_EQ(written(), "123456789");
}

TEST_F(AppendFileTest, GoesOnBehindWhatIsKept) {
    {
        AppendFile file(path);
        file.waiting() += "kept and torn";
    }
    {
        AppendFile file(path, 4);
        EXPECT_EQ(file.size(), 4u);
        file.waiting() += "!";
    }
    EXPECT_EQ(written(), "kept!");
    EXPECT_THROW(AppendFile(path, 6), dv::IoError);
    EXPECT_EQ(written(), "kept!");
}

TEST_F(AppendFileTest, AFileThatSomebodyRemovedIsAnError) {
    AppendFile file(path);
    file.waiting() += "x";
    file.sync();
    fs::remove(path);
    EXPECT_THROW(file.sync(), dv::IoError);
}

}  // namespace

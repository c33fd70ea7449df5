#include <dv/testing/load.hpp>

#include "tests/small_disk.hpp"
#include "tests/torture.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

namespace {

namespace fs = std::filesystem;
using dv::testing::Config;
using dv::testing::list;
using dv::testing::LoggerHandle;
using dv::testing::Plugin;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

std::string content(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

class JsonlTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};

    LoggerHandle open(const Config& config = {}) { return plugin.make<dv::Logger>("jsonl", config); }
    fs::path file() { return plugin.host().run_dir() / "metrics.jsonl"; }
    std::string written() { return content(file()); }
};

TEST_F(JsonlTest, OneObjectPerRowWithNamesInTheirOrder) {
    auto jsonl = open();
    jsonl.metrics({{"train/loss", 0.5}, {"a", 1.0}}, 3, 0, 1.7e9);
    jsonl.metrics({{"val/loss", 1e-7}}, 4);
    jsonl.finalize();
    EXPECT_EQ(written(), "{\"step\":3,\"epoch\":0,\"train/loss\":0.5,\"a\":1}\n{\"step\":4,\"val/loss\":1e-07}\n");
}

TEST_F(JsonlTest, WhatJsonHasNoWordForIsAString) {
    auto jsonl = open();
    jsonl.metrics({{"a", kNan}, {"b", kInf}, {"c", -kInf}}, 0);
    jsonl.finalize();
    EXPECT_EQ(written(), "{\"step\":0,\"a\":\"NaN\",\"b\":\"Infinity\",\"c\":\"-Infinity\"}\n");
}

TEST_F(JsonlTest, TheTimeIsThereOnlyWhenAskedFor) {
    auto jsonl = open({{"wall_time", true}});
    jsonl.metrics({{"a", 1.0}}, 0, 0, 1700000000.25);
    jsonl.finalize();
    EXPECT_EQ(written(), "{\"step\":0,\"epoch\":0,\"wall_time\":1700000000.25,\"a\":1}\n");
}

TEST_F(JsonlTest, EveryKeyComesOnce) {
    auto jsonl = open();
    jsonl.metrics({{"step", 9.0}, {"epoch", 8.0}, {"a", 1.0}, {"wall_time", 3.0}, {"a", 2.0}}, 5, 1);
    jsonl.metrics({{"epoch", 8.0}}, 6);
    jsonl.finalize();
    EXPECT_EQ(written(), "{\"step\":5,\"epoch\":1,\"wall_time\":3,\"a\":2}\n{\"step\":6,\"epoch\":8}\n");
}

TEST_F(JsonlTest, HyperparametersAreTheFirstLineWhenAskedFor) {
    const Config manifest{{"seed", 42}, {"lr", 0.1}, {"model", Config{{"bias", true}, {"sizes", list(1, 2)}}}};
    auto with = open({{"hyperparameters", true}});
    with.hyperparameters(manifest);
    with.metrics({{"a", 1.0}}, 0);
    with.finalize();
    EXPECT_EQ(written(),
              "{\"hyperparameters\":{\"seed\":42,\"lr\":0.1,\"model\":{\"bias\":true,\"sizes\":[1,2]}}}\n"
              "{\"step\":0,\"a\":1}\n");

    auto without = open({{"path", "other.jsonl"}});
    without.hyperparameters(manifest);
    without.finalize();
    EXPECT_EQ(content(plugin.host().run_dir() / "other.jsonl"), "");
}

TEST_F(JsonlTest, AHistogramIsALine) {
    auto jsonl = open({{"prefix", "fold 1"}});
    const double limits[] = {0.5, 1.0}, counts[] = {3, 4};
    jsonl.histogram("w", {sizeof(dv_histogram), 2, limits, counts, 0.25, 1.0, 4.0, 3.0, 7.0}, 9);
    jsonl.metrics({{"a", 1.0}}, 9, 0);
    jsonl.finalize();
    EXPECT_EQ(written(),
              "{\"step\":9,\"histogram\":{\"fold 1-w\":{\"limits\":[0.5,1],\"counts\":[3,4],\"min\":0.25,\"max\":1,\"sum\":4,"
              "\"sum_squares\":3,\"count\":7}}}\n{\"step\":9,\"epoch\":0,\"fold 1-a\":1}\n");
}

TEST_F(JsonlTest, GoesOnWhereAKilledProcessWasSafe) {
    std::string position;
    {
        auto jsonl = open();
        EXPECT_EQ(jsonl.position(), "0 0 " + file().string());
        jsonl.metrics({{"a", 1.0}}, 0, 0);
        jsonl.flush();
        position = jsonl.position();
        jsonl.metrics({{"a", 2.0}}, 1, 0);  // will come again
    }
    std::ofstream(file(), std::ios::app) << "{\"step\":2,\"a";  // torn
    plugin.host().resume_position = position;
    auto jsonl = open();
    jsonl.metrics({{"a", 2.0}}, 1, 0);
    jsonl.finalize("failed");
    EXPECT_EQ(written(), "{\"step\":0,\"epoch\":0,\"a\":1}\n{\"step\":1,\"epoch\":0,\"a\":2}\n");
    EXPECT_EQ(plugin.host().log_text(DV_LOG_WARNING), "");
}

TEST_F(JsonlTest, ARunThatGoesOnFromACheckpointKeepsTheRowsUpToThere) {
    {
        auto jsonl = open();
        jsonl.text("text", "before", 0);
        jsonl.metrics({{"text", 1.0}}, 0);
        jsonl.text("text", "between", 0);
        jsonl.metrics({{"a", 2.0}}, 1, 0);
        jsonl.metrics({{"a", 3.0}}, 2, 0);
        jsonl.finalize();
    }
    auto jsonl = open();
    jsonl.resume(2, 2);
    jsonl.metrics({{"a", 4.0}}, 2, 0);
    jsonl.finalize();
    EXPECT_EQ(written(),
              "{\"step\":0,\"text\":{\"text\":\"before\"}}\n{\"step\":0,\"text\":1}\n{\"step\":0,\"text\":{\"text\":\"between\"}}\n"
              "{\"step\":1,\"epoch\":0,\"a\":2}\n{\"step\":2,\"epoch\":0,\"a\":4}\n");
    EXPECT_EQ(plugin.host().log_text(DV_LOG_WARNING), "");
}

TEST_F(JsonlTest, TwoLoggersCannotShareAFile) {
    auto first = open();
    first.metrics({{"a", 1.0}}, 0, 0);
    first.flush();
    EXPECT_THROW(open(), dv::ComponentError);
    EXPECT_EQ(written(), "{\"step\":0,\"epoch\":0,\"a\":1}\n") << "the second one must not empty it";
}

TEST_F(JsonlTest, TextAndArtifactsHaveLinesOfTheirOwn) {
    auto jsonl = open();
    jsonl.text("note", "two\nlines", 7);
    jsonl.artifact("checkpoint", "a/b.ckpt");
    jsonl.finalize();
    EXPECT_EQ(written(),
              "{\"step\":7,\"text\":{\"note\":\"two\\nlines\"}}\n{\"artifact\":{\"checkpoint\":\"a/b.ckpt\"}}\n");
}

TEST_F(JsonlTest, TextIsValidUtf8WhateverComes) {
    auto jsonl = open();
    jsonl.text("plain", "caf\xC3\xA9 \xF0\x9F\x9A\x80 \"\\\t\r\x01\x7F", 0);
    jsonl.text("cut short", "\xE2\x82", 0);
    jsonl.text("overlong", "\xC0\xAF \xE0\x80\xAF", 0);
    jsonl.text("surrogate", "\xED\xA0\x80", 0);
    jsonl.text("too large", "\xF4\x90\x80\x80 \xFF", 0);
    jsonl.text("line ends", "\xC2\x85 \xE2\x80\xA8 \xE2\x80\xA9", 0);
    jsonl.finalize();
    const std::string bad = "\xEF\xBF\xBD";
    EXPECT_EQ(written(),
              "{\"step\":0,\"text\":{\"plain\":\"caf\xC3\xA9 \xF0\x9F\x9A\x80 \\\"\\\\\\t\\r\\u0001\\u007f\"}}\n"
              "{\"step\":0,\"text\":{\"cut short\":\"" +
                  bad + bad +
                  "\"}}\n"
                  "{\"step\":0,\"text\":{\"overlong\":\"" +
                  bad + bad + " " + bad + bad + bad +
                  "\"}}\n"
                  "{\"step\":0,\"text\":{\"surrogate\":\"" +
                  bad + bad + bad +
                  "\"}}\n"
                  "{\"step\":0,\"text\":{\"too large\":\"" +
                  bad + bad + bad + bad + " " + bad +
                  "\"}}\n"
                  "{\"step\":0,\"text\":{\"line ends\":\"\\u0085 \\u2028 \\u2029\"}}\n");
}

TEST_F(JsonlTest, ARowWithoutNumbersIsNoRow) {
    auto jsonl = open();
    jsonl.metrics({}, 0, 0);
    jsonl.finalize();
    EXPECT_EQ(written(), "");
}

TEST_F(JsonlTest, AFullDiskIsReportedWithPathAndReasonAndTearsNoLine) {
    auto jsonl = open({{"flush_every", 1}});
    jsonl.metrics({{"loss", 0.5}}, 0);  // 22 bytes
    {
        const loggers::testing::SmallDisk disk(30);
        try {
            jsonl.metrics({{"loss", 0.25}}, 1);
            FAIL() << "a full disk took a row";
        } catch (const dv::ComponentError& error) {
            EXPECT_EQ(error.code(), DV_IO);
            EXPECT_NE(error.text.find(file().string()), std::string::npos) << error.text;
            EXPECT_NE(error.text.find("File too large"), std::string::npos) << error.text;
        }
        EXPECT_EQ(written(), "{\"step\":0,\"loss\":0.5}\n");
    }
    jsonl.metrics({{"loss", 0.125}}, 2);
    EXPECT_EQ(written(), "{\"step\":0,\"loss\":0.5}\n{\"step\":1,\"loss\":0.25}\n{\"step\":2,\"loss\":0.125}\n");
}

/// What tests/read_jsonl.py reads back; its expectations are there.
TEST_F(JsonlTest, SampleForReaders) {
    const char* folder = std::getenv("DV_READER_DIR");
    const fs::path target = (folder ? fs::path(folder) : plugin.host().run_dir()) / "metrics.jsonl";
    auto jsonl = open({{"path", target.string()}, {"hyperparameters", true}});
    jsonl.hyperparameters(Config{{"run", Config{{"name", "caf\xC3\xA9 \xE2\x80\x9Cx\xE2\x80\x9D"}, {"seed", 42}}},
                                 {"stages", list("fit", "test")},
                                 {"lr", 2e-4},
                                 {"limit", kInf},
                                 {"deterministic", true},
                                 {"callback", list(Config{{"type", "checkpoint"}, {"save_top_k", -1}})}});
    jsonl.metrics({{"train/loss", 0.1}, {"odd \"name\"\n\xE2\x80\xA8\\", 1e-300}}, 0, 0);
    jsonl.metrics({{"val/loss", kNan}, {"up", kInf}, {"down", -kInf}}, 50);
    jsonl.text("note", std::string_view("tab\there, nul\0, \xF0\x9F\x9A\x80, broken \xFF\xC3", 31), 50);
    jsonl.artifact("checkpoint", "checkpoints/epoch=0.ckpt");
    jsonl.finalize();
    EXPECT_GT(fs::file_size(target), 0u);

    auto tortured = open({{"path", (target.parent_path() / "torture.jsonl").string()}});
    dv::loggers::torture(tortured);
    tortured.finalize();
}

}  // namespace

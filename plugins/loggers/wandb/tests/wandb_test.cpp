#include "log_reader.hpp"

#include "tests/small_disk.hpp"

#include <dv/testing/load.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <fstream>
#include <iterator>
#include <sstream>

namespace {

namespace fs = std::filesystem;
using dv::testing::Config;
using dv::testing::list;
using dv::testing::LoggerHandle;
using dv::testing::Plugin;
using wandb::testing::Fields;
using wandb::testing::item;

std::string content(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

enum ContentField {
    kHistory = 2,
    kSummary = 3,
    kConfig = 5,
    kFiles = 6,
    kMetric = 12,
    kRun = 17,
    kExit = 18,
    kFinal = 20
};

class WandbTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};

    void SetUp() override { plugin.host().clock.wall = 1700000000.0; }
    LoggerHandle open(Config config = {}) {
        if (!config.get("id")) config.set("id", "abcd1234");
        return plugin.make<dv::Logger>("wandb", config);
    }
    fs::path above() { return plugin.host().run_dir() / "wandb"; }
    fs::path folder(const std::string& time = "20231114_221320") {
        return above() / ("offline-run-" + time + "-abcd1234");
    }
    std::string bytes(const std::string& time = "20231114_221320") {
        return content(folder(time) / "run-abcd1234.wandb");
    }

    /// The contents of one kind, in order; valid until the test ends.
    const std::vector<std::string>& all(ContentField kind, const std::string& time = "20231114_221320") {
        std::vector<std::string>& out = read_.emplace_back();
        for (const std::string& record : wandb::testing::records(bytes(time))) {
            const Fields fields(record);
            if (fields.has(kind)) out.push_back(std::string(fields.at(kind).bytes));
        }
        return out;
    }

private:
    std::deque<std::vector<std::string>> read_;
};

TEST_F(WandbTest, RecordsAreNumberedAndTheRunComesFirst) {
    auto logger = open({{"project", "p"}, {"name", "caf\xC3\xA9"}, {"group", "g"}, {"tags", list("a", "b")}});
    logger.metrics({{"a", 1.0}}, 0, 0, 1.7e9);
    logger.finalize();
    const auto records = wandb::testing::records(bytes());
    for (std::size_t i = 0; i < records.size(); ++i)
        EXPECT_EQ(Fields(records[i]).at(1).as_int(), static_cast<int>(i) + 1);
    EXPECT_TRUE(Fields(records.at(0)).has(21));
    const Fields run = Fields(records.at(1)).message(kRun);
    EXPECT_EQ(run.text(1), "abcd1234");
    EXPECT_EQ(run.text(3), "p");
    EXPECT_EQ(run.text(6), "g");
    EXPECT_EQ(run.text(8), "caf\xC3\xA9");
    EXPECT_EQ(run.all(10).size(), 2u);
    EXPECT_EQ(run.message(17).at(1).as_int(), 1700000000);
    EXPECT_TRUE(Fields(records.at(records.size() - 2)).has(kExit));
    EXPECT_TRUE(Fields(records.back()).has(kFinal));
}

TEST_F(WandbTest, ARowHasItsValuesAndWhatWandbAddsItself) {
    auto logger = open();
    logger.metrics({{"train/loss", 0.5}, {"nan", std::nan("")}, {"up", HUGE_VAL}, {"large", 1e308}}, 30, 2,
                   1700000001.5);
    logger.metrics({{"train/loss", 0.25}}, 31, -1, 1700000000.5);  // a clock that goes back
    logger.finalize();
    const auto rows = all(kHistory);
    ASSERT_EQ(rows.size(), 2u);
    const Fields first(rows[0]), second(rows[1]);
    EXPECT_EQ(item(first, "train/loss"), "0.5");
    EXPECT_EQ(item(first, "nan"), "NaN");
    EXPECT_EQ(item(first, "up"), "Infinity");
    EXPECT_EQ(item(first, "large"), "1e+308");
    EXPECT_EQ(item(first, "epoch"), "2");
    EXPECT_EQ(item(first, "trainer/global_step"), "30");
    EXPECT_EQ(item(first, "_step"), "0");
    EXPECT_EQ(item(first, "_runtime"), "1.5");
    EXPECT_EQ(item(first, "_timestamp"), "1700000001.5");
    EXPECT_EQ(first.message(2).at(1).as_int(), 0);
    EXPECT_EQ(item(second, "_step"), "1");
    EXPECT_EQ(item(second, "_runtime"), "1.5");
    EXPECT_EQ(item(second, "epoch"), "absent");
}

TEST_F(WandbTest, ANameComesOnceInARow) {
    auto logger = open();
    logger.metrics({{"a", 1.0}, {"b", 2.0}, {"a", 3.0}}, 0, 0, 1.7e9);
    logger.finalize();
    const Fields row(all(kHistory).at(0));
    EXPECT_EQ(item(row, "a"), "3");
    EXPECT_EQ(row.all(1).size(), 2u + 1u + 4u);
}

TEST_F(WandbTest, EveryNewNameGoesByTheStepMetric) {
    auto logger = open({{"prefix", "p"}});
    logger.metrics({{"a", 1.0}}, 0, -1, 1.7e9);
    logger.metrics({{"a", 1.0}, {"_hidden", 2.0}}, 1, -1, 1.7e9);
    logger.finalize();
    const auto metrics = all(kMetric);
    ASSERT_EQ(metrics.size(), 4u);  // the step metric, "*", and two names
    EXPECT_EQ(Fields(metrics[1]).text(2), "*");
    EXPECT_EQ(Fields(metrics[2]).text(1), "p-a");
    EXPECT_EQ(Fields(metrics[2]).text(4), "trainer/global_step");
    EXPECT_EQ(Fields(metrics[2]).at(10).as_int(), 1);
}

TEST_F(WandbTest, TheSummaryHasTheLastValuesFromTimeToTimeAndAtTheEnd) {
    auto logger = open({{"flush_secs", 0.0}});
    logger.metrics({{"a", 1.0}, {"b", 5.0}}, 0, -1, 1700000001.0);
    EXPECT_EQ(all(kSummary).size(), 0u);
    logger.metrics({{"a", 2.0}}, 1, -1, 1700000016.0);
    ASSERT_EQ(all(kSummary).size(), 1u);
    logger.metrics({{"a", 3.0}}, 2, -1, 1700000017.0);
    logger.finalize();
    const auto summaries = all(kSummary);
    ASSERT_EQ(summaries.size(), 2u);
    EXPECT_EQ(item(Fields(summaries[0]), "b"), "5");
    EXPECT_EQ(item(Fields(summaries[1]), "a"), "3");
    EXPECT_EQ(item(Fields(summaries[1]), "b"), "absent");
    EXPECT_EQ(item(Fields(summaries[1]), "_step"), "2");
}

TEST_F(WandbTest, TheExitCodeIsTheOutcome) {
    for (const auto& [outcome, code] :
         {std::pair("success", 0), std::pair("failed", 1), std::pair("interrupted", 255)}) {
        Plugin fresh = plugin.with_new_host();
        fresh.host().clock.wall = 1700000000.0;
        auto logger = fresh.make<dv::Logger>("wandb", {{"id", "x"}});
        logger.finalize(outcome);
        const auto records = wandb::testing::records(
            content(fresh.host().run_dir() / "wandb/offline-run-20231114_221320-x/run-x.wandb"));
        EXPECT_EQ(Fields(records.at(records.size() - 2)).message(kExit).at(1).as_int(), code) << outcome;
    }
}

TEST_F(WandbTest, TheManifestIsTheConfiguration) {
    auto logger = open();
    logger.hyperparameters(Config{{"seed", 7}, {"model", Config{{"type", "rcnn"}, {"taus", list(1, 2.5)}}}});
    logger.finalize();
    const auto configs = all(kConfig);
    ASSERT_EQ(configs.size(), 2u);
    EXPECT_EQ(Fields(configs[1]).message(1).text(1), "model");
    EXPECT_EQ(Fields(configs[1]).message(1).text(16), "{\"type\":\"rcnn\",\"taus\":[1,2.5]}");
}

TEST_F(WandbTest, AnImageIsAFileAndARow) {
    auto logger = open();
    const std::string png = "abc";
    logger.image("pictures/caf\xC3\xA9", {sizeof(dv_image), 3, 20, 10, {png.data(), png.size()}}, 4);
    logger.image("pictures/caf\xC3\xA9", {sizeof(dv_image), 3, 20, 10, {png.data(), png.size()}}, 4);
    logger.finalize();
    const std::string path = Fields(all(kFiles).at(0)).message(1).text(1);
    EXPECT_EQ(path, "media/images/pictures/caf___4_ba7816bf8f01cfea4141.png");
    EXPECT_EQ(content(folder() / "files" / path), png);
    EXPECT_EQ(item(Fields(all(kHistory).at(0)), "pictures/caf\xC3\xA9"),
              "{\"_type\":\"image-file\",\"path\":\"" + path +
                  "\",\"sha256\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"size\":3,"
                  "\"format\":\"png\",\"width\":20,\"height\":10}");
}

TEST_F(WandbTest, AHistogramHasOneEdgeMoreThanBucketsAndAtMost512) {
    const std::array limits{0.0, 1.0, 2.0, HUGE_VAL};
    const std::array counts{0.0, 3.0, 0.0, 5.0};
    auto logger = open();
    logger.histogram("h", {sizeof(dv_histogram), 4, limits.data(), counts.data(), 0.5, 9.0, 0, 0, 8}, 1);
    std::vector<double> many(1000), ones(1000, 1.0);
    for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<double>(i);
    logger.histogram("m", {sizeof(dv_histogram), 1000, many.data(), ones.data(), -1, 999, 0, 0, 1000}, 2);
    logger.finalize();
    EXPECT_EQ(item(Fields(all(kHistory).at(0)), "h"),
              "{\"_type\":\"histogram\",\"values\":[3.0,0.0,5.0],\"bins\":[0.0,1.0,2.0,9.0]}");
    const std::string big = item(Fields(all(kHistory).at(1)), "m");
    EXPECT_EQ(std::ranges::count(big, ','), 1 + 499 + 1 + 500);
}

TEST_F(WandbTest, TextIsAValueInARow) {
    auto logger = open();
    logger.text("note", "a \"b\"\n\xFF", 3);
    logger.finalize();
    EXPECT_EQ(item(Fields(all(kHistory).at(0)), "note"), "\"a \\\"b\\\"\\n\xEF\xBF\xBD\"");
}

TEST_F(WandbTest, ARowThatNoServerTakesIsAnErrorAndTheRunGoesOn) {
    auto logger = open();
    EXPECT_THROW(logger.text("long", std::string(11u << 20, 'x'), 0), dv::ComponentError);
    logger.metrics({{"a", 1.0}}, 1, -1, 1.7e9);
    logger.finalize();
    const auto rows = all(kHistory);
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(item(Fields(rows[0]), "_step"), "0");
    for (const auto& summary : all(kSummary)) EXPECT_EQ(item(Fields(summary), "long"), "absent");
}

TEST_F(WandbTest, RecordsOfEverySizeSurviveTheBlocks) {
    auto logger = open();
    std::vector<std::string> texts;
    for (const std::size_t size : {32600, 20, 32768, 65536, 100, 90000, 1, 32755, 32756, 32757, 32758, 32759, 32760}) {
        texts.emplace_back(size, static_cast<char>('a' + texts.size()));
        logger.text("t", texts.back(), 0);
    }
    logger.finalize();
    const auto rows = all(kHistory);
    ASSERT_EQ(rows.size(), texts.size());
    for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(item(Fields(rows[i]), "t"), '"' + texts[i] + '"');
}

TEST_F(WandbTest, EveryBeginningOfAFileIsReadAsFarAsItGoes) {
    auto logger = open();
    for (int i = 0; i < 5; ++i) logger.metrics({{"a", 1.0}, {"b", 2.0}}, i, 0, 1.7e9);
    logger.finalize();
    const std::string whole = bytes();
    std::size_t last = 0;
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        const std::size_t found = wandb::testing::records(whole.substr(0, size)).size();
        EXPECT_TRUE(found == last || found == last + 1) << size;
        last = found;
    }
    EXPECT_EQ(last, wandb::testing::records(whole).size());
}

TEST_F(WandbTest, AfterAKillTheFileGoesOnWhereItWasSafe) {
    std::string position;
    {
        auto killed = open();
        killed.metrics({{"a", 1.0}}, 0, -1, 1700000000.0);
        killed.text("t", std::string(40000, 'x'), 0);
        killed.flush();
        position = killed.position();
        killed.metrics({{"a", 2.0}}, 1, -1, 1700000001.0);
    }
    plugin.host().resume_position = position;
    plugin.host().clock.wall = 1700000100.0;
    auto recovered = open();
    recovered.metrics({{"a", 2.0}}, 1, -1, 1700000001.0);
    recovered.finalize("failed");
    const auto rows = all(kHistory);
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(item(Fields(rows[2]), "_step"), "2");
    EXPECT_EQ(item(Fields(rows[2]), "_runtime"), "1");
    const auto records = wandb::testing::records(bytes());
    for (std::size_t i = 0; i < records.size(); ++i)
        EXPECT_EQ(Fields(records[i]).at(1).as_int(), static_cast<int>(i) + 1);
    EXPECT_EQ(std::distance(fs::directory_iterator(above()), fs::directory_iterator()), 1);
}

TEST_F(WandbTest, ARunThatGoesOnHasANewFolderAndTheSameId) {
    { auto first = open(); }
    plugin.host().clock.wall = 1700000060.0;
    auto second = plugin.make<dv::Logger>("wandb", {});
    const dv_resume from{sizeof(dv_resume), 0, 12, 40};
    ASSERT_EQ(second.made().vtable<dv_logger_1>().resume(second.made().object(), &from), DV_OK);
    second.metrics({{"a", 1.0}}, 40, -1, 1700000061.0);
    second.finalize();
    const Fields run(all(kRun, "20231114_221420").at(0));
    EXPECT_EQ(run.text(1), "abcd1234");
    EXPECT_EQ(run.at(14).as_int(), 12);
    EXPECT_EQ(item(Fields(all(kHistory, "20231114_221420").at(0)), "_step"), "12");
    EXPECT_EQ(std::distance(fs::directory_iterator(above()), fs::directory_iterator()), 2);
}

TEST_F(WandbTest, FilesLieInTheFolderAsTheyWereAndAreToldOnce) {
    const fs::path file = plugin.host().run_dir() / "epoch=0-step=4.ckpt";
    auto logger = open();
    const auto write = [&](const char* text) {
        fs::remove(file);
        std::ofstream(file) << text;
        logger.artifact("best/check point", file.string());
    };
    write("first");
    write("second");
    fs::remove(file);
    EXPECT_THROW(logger.artifact("gone", file.string()), dv::ComponentError);
    logger.finalize();
    std::ifstream kept(folder() / "files/best/check_point/epoch=0-step=4.ckpt");
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(kept), {}), "second");
    const auto told = all(kFiles);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(Fields(told[0]).message(1).text(1), "best/check_point/epoch=0-step=4.ckpt");
    EXPECT_EQ(Fields(told[0]).message(1).at(2).as_int(), 1);
}

TEST_F(WandbTest, TwoRunsOfOneSecondHaveFoldersOfTheirOwn) {
    auto a = open(), b = open();
    EXPECT_TRUE(fs::exists(folder("20231114_221320")));
    EXPECT_TRUE(fs::exists(folder("20231114_221321")));
}

TEST_F(WandbTest, IdsThatServersRefuseAreRefused) {
    for (const char* id : {"a/b", "a:b", "a b", "\xC3\xA9"}) EXPECT_THROW(open({{"id", id}}), dv::ComponentError) << id;
}

TEST_F(WandbTest, AFullDiskIsReportedAndWhatWaitedFollows) {
    auto logger = open({{"flush_secs", 0.0}});
    {
        const loggers::testing::SmallDisk disk(bytes().size() + 20);
        EXPECT_THROW(logger.metrics({{"epoch", 1.0}}, 0, -1, 1.7e9), dv::ComponentError);
    }
    logger.metrics({{"epoch", 2.0}}, 1, -1, 1.7e9);
    logger.finalize();
    const auto rows = all(kHistory);
    EXPECT_EQ(item(Fields(rows.back()), "epoch"), "2");
}

TEST_F(WandbTest, WithoutTheProgramTheCommandIsTold) {
    ::setenv("PATH", "/nowhere", 1);
    auto logger = open({{"offline", false}});
    logger.finalize();
    const std::string log = plugin.host().log_text(DV_LOG_WARNING);
    EXPECT_NE(log.find("is not installed"), std::string::npos) << log;
    EXPECT_NE(log.find("wandb sync '" + folder().string()), std::string::npos) << log;
}

}  // namespace

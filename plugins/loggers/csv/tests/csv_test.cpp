#include <dv/testing/load.hpp>

#include "tests/small_disk.hpp"
#include "tests/torture.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using dv::testing::Config;
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

class CsvTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};

    LoggerHandle open(const Config& config = {}) { return plugin.make<dv::Logger>("csv", config); }
    fs::path file() { return plugin.host().run_dir() / "metrics.csv"; }
    std::string written() { return content(file()); }
};

TEST_F(CsvTest, WideRowsHaveSortedColumnsAndEmptyCellsForWhatIsNotThere) {
    auto csv = open();
    csv.metrics({{"b", 0.5}, {"a", 1.0}, {"z", 1e-7}}, 3, 0);
    csv.metrics({{"a", 2.0}}, 4);
    csv.finalize();
    EXPECT_EQ(written(), "a,b,epoch,step,z\n1,0.5,0,3,1e-07\n2,,,4,\n");
}

TEST_F(CsvTest, SpecialValuesArePythons) {
    auto csv = open();
    csv.metrics({{"a", kNan}, {"b", kInf}, {"c", -kInf}, {"d", -kNan}}, 0, 0);
    csv.finalize();
    EXPECT_EQ(written(), "a,b,c,d,epoch,step\nnan,inf,-inf,nan,0,0\n");
}

TEST_F(CsvTest, ANewNameBecomesAColumnOfEveryRow) {
    auto csv = open();
    csv.metrics({{"train/loss", 0.5}}, 0, 0);
    csv.metrics({{"train/loss", 0.25}}, 1, 0);
    csv.metrics({{"val/loss", 0.75}, {"lr", 0.1}}, 1, 0);
    csv.metrics({{"train/loss", 0.125}}, 2, 1);
    csv.finalize();
    EXPECT_EQ(written(),
              "epoch,lr,step,train/loss,val/loss\n"
              "0,,0,0.5,\n"
              "0,,1,0.25,\n"
              "0,0.1,1,,0.75\n"
              "1,,2,0.125,\n");
    EXPECT_FALSE(fs::exists(file().string() + ".tmp"));
}

TEST_F(CsvTest, ColumnsAreInCodePointOrder) {
    auto csv = open();
    csv.metrics({{"\xF0\x9F\x9A\x80", 4.0}, {"\xC3\xA9", 2.0}, {"\xEF\xBC\xA1", 3.0}, {"Z", 0.0}, {"a", 1.0}}, 0, 0);
    csv.finalize();
    EXPECT_EQ(written(), "Z,a,epoch,step,\xC3\xA9,\xEF\xBC\xA1,\xF0\x9F\x9A\x80\n0,1,0,0,2,3,4\n");
}

TEST_F(CsvTest, NamesAreQuotedWhereTheyMustBe) {
    auto csv = open();
    csv.metrics({{"a,b", 1.0}, {"say \"x\"", 2.0}, {"two\nlines", 3.0}, {"plain", 4.0}}, 0, 0);
    csv.metrics({{"more", 5.0}}, 1, 0);  // the rewrite starts behind a header of two lines
    csv.finalize();
    EXPECT_EQ(written(),
              "\"a,b\",epoch,more,plain,\"say \"\"x\"\"\",step,\"two\nlines\"\n"
              "1,0,,4,2,0,3\n"
              ",0,5,,,1,\n");
}

TEST_F(CsvTest, TheRowsOwnStepAndEpochComeFirstAndTheLastValueOfANameCounts) {
    auto csv = open();
    csv.metrics({{"step", 99.0}, {"epoch", 88.0}, {"a", 1.0}, {"a", 2.0}}, 5, 1);
    csv.metrics({{"epoch", 7.0}, {"a", 3.0}}, 6);
    csv.finalize();
    EXPECT_EQ(written(), "a,epoch,step\n2,1,5\n3,7,6\n");
}

TEST_F(CsvTest, ARowWithoutNumbersIsNoRow) {
    auto csv = open();
    csv.metrics({}, 0, 0);
    csv.finalize();
    EXPECT_EQ(written(), "");
}

TEST_F(CsvTest, TwoRunsThatMeasureTheSameGiveTheSameBytes) {
    std::vector<std::string> files;
    for (const double start : {1.7e9, 1.8e9}) {
        Plugin run(DV_PLUGIN_UNDER_TEST);
        auto csv = run.make<dv::Logger>("csv");
        for (int step = 0; step < 100; ++step) {
            csv.metrics({{"loss", 1.0 / (1 + step)}}, step, step / 10, start + step * start / 1.7e9);
        }
        csv.finalize();
        files.push_back(content(run.host().run_dir() / "metrics.csv"));
    }
    EXPECT_EQ(files[0], files[1]);
    EXPECT_EQ(files[0].substr(0, 32), "epoch,loss,step\n0,1,0\n0,0.5,1\n0,");
}

TEST_F(CsvTest, RowsOfASlowRunAreInTheFileAtOnce) {
    auto csv = open();
    csv.metrics({{"a", 1.0}}, 0, 0, 100.0);
    csv.metrics({{"a", 2.0}}, 1, 0, 130.0);
    EXPECT_EQ(written(), "a,epoch,step\n1,0,0\n2,0,1\n");
}

TEST_F(CsvTest, RowsThatComeFastAreGatheredUntilFlush) {
    auto csv = open({{"flush_every", 10}});
    for (int step = 0; step < 5; ++step) csv.metrics({{"a", 1.0}}, step, 0, 100.0);
    EXPECT_EQ(written(), "a,epoch,step\n1,0,0\n");
    csv.flush();
    EXPECT_EQ(written(), "a,epoch,step\n1,0,0\n1,0,1\n1,0,2\n1,0,3\n1,0,4\n");
}

TEST_F(CsvTest, LongLayoutHasOneRowPerNumberWithItsTime) {
    auto csv = open({{"layout", "long"}});
    csv.metrics({{"b", 0.5}, {"a,1", kNan}}, 3, 0, 1700000000.25);
    csv.metrics({{"c", 2.0}}, 4, -1, 1700000001.5);
    csv.finalize();
    EXPECT_EQ(written(),
              "wall_time,step,epoch,key,value\n"
              "1700000000.25,3,0,b,0.5\n"
              "1700000000.25,3,0,\"a,1\",nan\n"
              "1700000001.5,4,,c,2\n");
}

// metrics.csv that Lightning's CSVLogger wrote: 2 epochs of 10 batches, a row every 5 (its first five lines).
TEST_F(CsvTest, CompatIsLightningsFile) {
    auto csv = open({{"compat", "lightning"}});
    csv.metrics({{"train_loss_step", -4.797582626342773}}, 4, 0);
    csv.metrics({{"train_loss_step", -6.391613960266113}}, 9, 0);
    csv.metrics({{"val_loss", -32.90387725830078}}, 9, 0);
    csv.metrics({{"train_loss_epoch", -3.8163654804229736}}, 9, 0);
    csv.metrics({{"train_loss_step", 1.0}}, 14, 1);
    csv.finalize();
    EXPECT_EQ(written(),
              "epoch,step,train_loss_epoch,train_loss_step,val_loss\r\n"
              "0,4,,-4.797582626342773,\r\n"
              "0,9,,-6.391613960266113,\r\n"
              "0,9,,,-32.90387725830078\r\n"
              "0,9,-3.8163654804229736,,\r\n"
              "1,14,,1.0,\r\n");
}

TEST_F(CsvTest, CompatRefusesTheLongLayout) {
    try {
        open({{"compat", "lightning"}, {"layout", "long"}});
        FAIL() << "took a layout that Lightning does not have";
    } catch (const dv::ComponentError& error) {
        EXPECT_EQ(error.code(), DV_BAD_PARAMETER);
        EXPECT_NE(error.text.find("'compat'"), std::string::npos) << error.text;
    }
}

TEST_F(CsvTest, AnAbsolutePathIsTakenAsItIsAndAnExistingFileIsReplacedWithAWarning) {
    const fs::path elsewhere = plugin.host().cache_dir() / "deep" / "rows.csv";
    fs::create_directories(elsewhere.parent_path());
    std::ofstream(elsewhere) << "old\n";
    auto csv = open({{"path", elsewhere.string()}});
    csv.metrics({{"a", 1.0}}, 0, 0);
    csv.finalize();
    EXPECT_EQ(content(elsewhere), "a,epoch,step\n1,0,0\n");
    EXPECT_NE(plugin.host().log_text(DV_LOG_WARNING).find(elsewhere.string()), std::string::npos);
}

TEST_F(CsvTest, ARelativePathNeedsARunFolder) {
    plugin.host().withhold(DV_EXT_PATHS);
    try {
        open();
        FAIL() << "opened a relative path without a run folder";
    } catch (const dv::ComponentError& error) {
        EXPECT_EQ(error.code(), DV_BAD_PARAMETER);
        EXPECT_NE(error.text.find("'path'"), std::string::npos) << error.text;
        EXPECT_NE(error.text.find("absolute"), std::string::npos) << error.text;
    }
}

TEST_F(CsvTest, AFullDiskIsReportedWithPathAndReasonAndTearsNoLine) {
    auto csv = open({{"flush_every", 1}});
    csv.metrics({{"loss", 0.5}}, 0, 0);
    {
        const loggers::testing::SmallDisk disk(30);
        try {
            for (int step = 1; step < 4; ++step) csv.metrics({{"loss", 0.5}}, step, 0);
            FAIL() << "a full disk took every row";
        } catch (const dv::ComponentError& error) {
            EXPECT_EQ(error.code(), DV_IO);
            EXPECT_EQ(error.hook, "metrics");
            EXPECT_NE(error.text.find(file().string()), std::string::npos) << error.text;
            EXPECT_NE(error.text.find("File too large"), std::string::npos) << error.text;
        }
        EXPECT_EQ(written(), "epoch,loss,step\n0,0.5,0\n");
    }
    csv.metrics({{"loss", 0.25}}, 4, 0);
    EXPECT_EQ(written(), "epoch,loss,step\n0,0.5,0\n0,0.5,1\n0,0.25,4\n");
}

TEST_F(CsvTest, WithoutRoomForANewColumnTheFileStaysAsItWas) {
    auto csv = open({{"flush_every", 1}});
    csv.metrics({{"loss", 0.5}}, 0, 0);
    {
        const loggers::testing::SmallDisk disk(25);
        EXPECT_THROW(csv.metrics({{"accuracy", 0.5}}, 1, 0), dv::ComponentError);
        EXPECT_EQ(written(), "epoch,loss,step\n0,0.5,0\n");
    }
    csv.metrics({{"accuracy", 0.75}}, 2, 0);
    EXPECT_EQ(written(), "accuracy,epoch,loss,step\n,0,0.5,0\n0.75,0,,2\n");
}

TEST_F(CsvTest, GoesOnWhereAKilledProcessWasSafe) {
    std::string position;
    {
        auto csv = open();
        csv.metrics({{"two\nlines, \"x\"", 1.0}}, 0, 0);
        csv.flush();
        position = csv.position();
        csv.metrics({{"b", 2.0}}, 1, 0);  // a new column, and it comes again
    }
    std::ofstream(file(), std::ios::app) << "0,3";  // torn
    plugin.host().resume_position = position;
    auto csv = open();
    EXPECT_EQ(csv.position(), position);
    csv.metrics({{"b", 2.0}}, 1, 0);
    csv.metrics({{"c", 3.0}}, 2, 0);
    csv.finalize("failed");
    EXPECT_EQ(written(), "b,c,epoch,step,\"two\nlines, \"\"x\"\"\"\n,,0,0,1\n2,,0,1,\n,3,0,2,\n");
}

TEST_F(CsvTest, GoesOnBeforeItsFirstRowToo) {
    const std::string position = open().position();
    std::ofstream(file(), std::ios::app) << "a,epo";
    plugin.host().resume_position = position;
    auto csv = open();
    csv.metrics({{"a", 2.0}}, 1, 0);
    csv.finalize("failed");
    EXPECT_EQ(written(), "a,epoch,step\n2,0,1\n");
}

TEST_F(CsvTest, TheLongLayoutGoesOnByItsBytes) {
    std::string position;
    {
        auto csv = open({{"layout", "long"}});
        csv.metrics({{"a", 1.0}}, 0, 0, 5.0);
        csv.flush();
        position = csv.position();
        csv.metrics({{"a", 2.0}}, 1, 0, 6.0);
    }
    plugin.host().resume_position = position;
    auto csv = open({{"layout", "long"}});
    csv.metrics({{"a", 2.0}}, 1, 0, 6.0);
    csv.finalize("failed");
    EXPECT_EQ(written(), "wall_time,step,epoch,key,value\n5,0,0,a,1\n6,1,0,a,2\n");
}

TEST_F(CsvTest, AFileThatLostRowsIsNotContinued) {
    {
        auto csv = open();
        csv.metrics({{"a", 1.0}}, 0, 0);
        csv.finalize();
    }
    plugin.host().resume_position = "5 0 " + file().string();
    EXPECT_THROW(open(), dv::ComponentError);
    EXPECT_EQ(written(), "a,epoch,step\n1,0,0\n") << "nor touched";
}

TEST_F(CsvTest, HasAFolderOfItsOwnWhenAskedAndFindsItAgain) {
    const Config config{{"save_dir", plugin.host().run_dir() / "logs"}, {"name", "mine"}, {"prefix", "fold"}, {"log_every", 2}};
    std::string position;
    {
        auto csv = open(config);
        csv.hyperparameters(Config{{"seed", 1}});
        for (int step = 0; step < 4; ++step) csv.metrics({{"a", 1.0}}, step, 0);
        csv.flush();
        position = csv.position();
    }
    const fs::path folder = plugin.host().run_dir() / "logs/mine/version_0";
    EXPECT_EQ(content(folder / "metrics.csv"), "epoch,fold-a,step\n0,1,0\n0,1,2\n");
    EXPECT_EQ(content(folder / "hparams.yaml"), "seed: 1\n");
    plugin.host().resume_position = position;
    auto csv = open(config);
    csv.metrics({{"a", 1.0}}, 4, 0);
    csv.finalize("failed");
    EXPECT_EQ(content(folder / "metrics.csv"), "epoch,fold-a,step\n0,1,0\n0,1,2\n0,1,4\n");
    EXPECT_FALSE(fs::exists(plugin.host().run_dir() / "logs/mine/version_1"));
}

TEST_F(CsvTest, ARunThatGoesOnFromACheckpointKeepsTheRowsUpToThere) {
    for (const char* layout : {"wide", "long"}) {
        const Config config{{"layout", layout}, {"path", std::string(layout) + ".csv"}};
        const auto write = [&](LoggerHandle& csv, int from, int to) {
            for (int step = from; step < to; ++step) csv.metrics({{"a", step + 0.5}, {"b", 1.0}}, step, 0, 100.0 + step);
            csv.finalize();
        };
        const fs::path into = plugin.host().run_dir() / (std::string(layout) + ".csv");
        {
            auto whole = open(config);
            write(whole, 0, 6);
        }
        const std::string expected = content(into);
        for (const int kept : {0, 1, 4, 6}) {
            auto csv = open(config);
            EXPECT_EQ(content(into), expected) << "opening it must not empty it";
            csv.resume(kept, kept);
            write(csv, kept, 6);
            EXPECT_EQ(content(into), expected) << layout << ", " << kept;
        }
    }
}

TEST_F(CsvTest, AFileThatWasThinnedOutIsCutByItsSteps) {
    {
        auto csv = open({{"log_every", 2}});
        for (int step = 0; step < 10; ++step) csv.metrics({{"a", 1.0}}, step, 0);
        csv.finalize();
    }
    auto csv = open({{"log_every", 2}});
    csv.resume(5, 5);
    csv.metrics({{"a", 2.0}}, 5, 0);
    csv.finalize();
    EXPECT_EQ(written(), "a,epoch,step\n1,0,0\n1,0,2\n1,0,4\n2,0,5\n");
}

TEST_F(CsvTest, TwoLoggersCannotShareAFile) {
    auto first = open();
    EXPECT_THROW(open(), dv::ComponentError);
    auto second = open({{"name", "second"}});
    for (LoggerHandle* csv : {&first, &second}) {
        csv->metrics({{"a", 1.0}}, 0, 0);
        csv->finalize();
    }
    EXPECT_EQ(written(), content(plugin.host().run_dir() / "second/version_0/metrics.csv"));
}

/// What tests/read_csv.py reads back; its expectations are there.
TEST_F(CsvTest, SampleForReaders) {
    const char* folder = std::getenv("DV_READER_DIR");
    const fs::path into = folder ? fs::path(folder) : plugin.host().run_dir();
    auto wide = open({{"path", (into / "wide.csv").string()}});
    auto tall = open({{"path", (into / "long.csv").string()}, {"layout", "long"}});
    for (LoggerHandle* csv : {&wide, &tall}) {
        csv->metrics({{"train/loss", 0.1}, {"odd \"name\", really\nyes", 1e-300}}, 0, 0, 1700000000.125);
        csv->metrics({{"train/loss", kNan}, {"caf\xC3\xA9", kInf}}, 50, 0, 1700000001.0);
        csv->metrics({{"val/loss", -kInf}}, 50, -1, 1700000002.0);
        csv->finalize();
    }
    auto torture = open({{"path", (into / "torture.csv").string()}});
    torture.hyperparameters(Config{{"lr", 1e-7}, {"on", "yes"}, {"model", Config{{"layer", dv::testing::list(Config{{"name", "V1: \"x\""}})}}}});
    dv::loggers::torture(torture);
    torture.finalize();
    EXPECT_GT(fs::file_size(into / "wide.csv"), 0u);
    EXPECT_GT(fs::file_size(into / "long.csv"), 0u);
}

}  // namespace

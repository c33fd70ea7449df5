#include "event_reader.hpp"

#include "tests/small_disk.hpp"

#include <dv/testing/load.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

namespace {

namespace fs = std::filesystem;
using dv::testing::Config;
using dv::testing::list;
using dv::testing::LoggerHandle;
using dv::testing::Plugin;
using tensorboard::testing::Fields;
using tensorboard::testing::Value;

std::string content(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

std::vector<fs::path> event_files(const fs::path& folder) {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().filename().string().find("tfevents") != std::string::npos) out.push_back(entry.path());
    }
    std::ranges::sort(out);
    return out;
}

class TensorBoardTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};

    LoggerHandle open(const Config& config = {}) { return plugin.make<dv::Logger>("tensorboard", config); }
    fs::path folder() { return plugin.host().run_dir(); }
    std::string bytes() { return content(event_files(folder()).back()); }
    std::vector<Value> written() { return tensorboard::testing::values(bytes()); }
    const Value* find(const std::vector<Value>& values, std::string_view tag) {
        const auto found = std::ranges::find(values, tag, &Value::tag);
        return found == values.end() ? nullptr : &*found;
    }
};

TEST_F(TensorBoardTest, TheFileIsNamedAndBegunAsTensorBoardExpects) {
    plugin.host().clock.wall = 1700000000.5;
    auto logger = open({{"filename_suffix", ".x"}});
    logger.finalize();
    const std::string name = event_files(folder()).at(0).filename().string();
    EXPECT_TRUE(name.starts_with("events.out.tfevents.1700000000.")) << name;
    EXPECT_TRUE(name.ends_with(".0.x")) << name;
    const auto records = tensorboard::testing::records(bytes());
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(Fields(records[0]).text(3), "brain.Event:2");
    EXPECT_EQ(Fields(records[0]).at(1).as_double(), 1700000000.5);
}

TEST_F(TensorBoardTest, ScalarsAreTensorsWithoutDimensionsAndTheirMetadataComesOnce) {
    auto logger = open();
    logger.metrics({{"train/loss", 0.5}, {"b", -2.0}}, 3, -1, 1.7e9);
    logger.metrics({{"train/loss", 0.25}}, 4, -1, 1.7e9 + 1);
    logger.finalize();
    const auto values = written();
    ASSERT_EQ(values.size(), 3u);
    EXPECT_EQ(values[0].tag, "train/loss");
    EXPECT_EQ(values[0].plugin, "scalars");
    EXPECT_EQ(values[0].data_class, 1);
    EXPECT_EQ(values[0].number, 0.5f);
    EXPECT_TRUE(values[0].shape.empty());
    EXPECT_EQ(values[0].step, 3);
    EXPECT_EQ(values[1].number, -2.0f);
    EXPECT_EQ(values[2].plugin, "");
    EXPECT_EQ(values[2].number, 0.25f);
    EXPECT_EQ(values[2].wall_time, 1.7e9 + 1);
}

TEST_F(TensorBoardTest, TheEpochIsASeriesUnlessTheRowHasItsOwn) {
    auto logger = open();
    logger.metrics({{"a", 1.0}}, 5, 2);
    logger.metrics({{"epoch", 7.0}}, 6, 3);
    logger.metrics({{"a", 1.0}}, 7);
    logger.finalize();
    std::vector<float> epochs;
    for (const Value& v : written()) {
        if (v.tag == "epoch") epochs.push_back(v.number);
    }
    EXPECT_EQ(epochs, (std::vector<float>{2, 7}));
}

TEST_F(TensorBoardTest, NumbersThatAreNoneStayWhatTheyAre) {
    constexpr double kInf = std::numeric_limits<double>::infinity();
    auto logger = open();
    logger.metrics({{"nan", std::nan("")}, {"inf", kInf}, {"down", -kInf}, {"large", 1e308}, {"small", 1e-300}}, 0);
    logger.finalize();
    const auto values = written();
    EXPECT_TRUE(std::isnan(find(values, "nan")->number));
    EXPECT_EQ(find(values, "inf")->number, HUGE_VALF);
    EXPECT_EQ(find(values, "down")->number, -HUGE_VALF);
    EXPECT_EQ(find(values, "large")->number, HUGE_VALF);  // beyond what TensorBoard's floats hold
    EXPECT_EQ(find(values, "small")->number, 0.0f);
}

TEST_F(TensorBoardTest, NamesGetThePrefixAndAreUtf8) {
    auto logger = open({{"prefix", "p"}});
    logger.metrics({{"caf\xC3\xA9 x/y", 1.0}, {"bad\xFF", 2.0}}, 0);
    logger.finalize();
    const auto values = written();
    EXPECT_EQ(values.at(0).tag, "p-caf\xC3\xA9 x/y");
    EXPECT_EQ(values.at(1).tag, "p-bad\xEF\xBF\xBD");
}

TEST_F(TensorBoardTest, ANameOfTwoKindsBecomesTwoTags) {
    auto logger = open();
    logger.metrics({{"a", 1.0}}, 0);
    logger.text("a", "hello", 0);
    logger.finalize();
    const auto values = written();
    ASSERT_EQ(values.size(), 2u);
    EXPECT_EQ(values[1].tag, "a/text");
    EXPECT_EQ(values[1].plugin, "text");
    EXPECT_EQ(values[1].strings, std::vector<std::string>{"hello"});
}

TEST_F(TensorBoardTest, AnImageIsWidthHeightAndItsBytes) {
    const std::string png("\x89PNG\0\x01", 6);
    auto logger = open();
    const dv_image image{sizeof(dv_image), 3, 20, 10, {png.data(), png.size()}};
    logger.image("picture", image, 4);
    logger.finalize();
    const auto values = written();
    EXPECT_EQ(values.at(0).plugin, "images");
    EXPECT_EQ(values.at(0).data_class, 3);
    EXPECT_EQ(values.at(0).strings, (std::vector<std::string>{"20", "10", png}));
}

TEST_F(TensorBoardTest, AHistogramIsRowsOfEdgesAndCount) {
    constexpr double kInf = std::numeric_limits<double>::infinity();
    const std::array limits{-1.0, 0.0, 1.0, 2.0, kInf};
    const std::array counts{0.0, 3.0, 0.0, 5.0, 0.0};
    auto logger = open();
    const dv_histogram histogram{sizeof(dv_histogram), 5, limits.data(), counts.data(), -0.5, 1.5, 6.0, 9.0, 8.0};
    logger.histogram("weights", histogram, 1);
    logger.finalize();
    const auto values = written();
    EXPECT_EQ(values.at(0).plugin, "histograms");
    EXPECT_EQ(values.at(0).shape, (std::vector<std::int64_t>{3, 3}));
    EXPECT_EQ(values.at(0).floats, (std::vector<float>{-0.5f, 0, 3, 0, 1, 0, 1, 1.5f, 5}));
}

TEST_F(TensorBoardTest, AnEmptyHistogramHasNoRows) {
    auto logger = open();
    logger.histogram("none", dv_histogram{sizeof(dv_histogram), 0, nullptr, nullptr, 0, 0, 0, 0, 0}, 1);
    logger.finalize();
    EXPECT_EQ(written().at(0).shape, (std::vector<std::int64_t>{0, 3}));
}

TEST_F(TensorBoardTest, TheSessionBeginsWithTheHyperparametersAndEndsWithTheTruth) {
    for (const auto& [outcome, status] :
         {std::pair("success", 1), std::pair("failed", 2), std::pair("interrupted", 2)}) {
        auto logger = open({{"group", "g"}});
        logger.hyperparameters(Config{{"lr", 0.1}, {"on", true}, {"model", Config{{"type", "rcnn"}}}});
        logger.metrics({{"a", 1.0}}, 0);
        EXPECT_EQ(find(written(), "_hparams_/session_end_info"), nullptr);
        logger.finalize(outcome);
        const auto values = written();
        const Fields start = Fields(find(values, "_hparams_/session_start_info")->content).message(3);
        EXPECT_EQ(start.text(4), "g");
        EXPECT_EQ(start.all(1).size(), 3u);
        EXPECT_EQ(Fields(start.all(1)[0].bytes).text(1), "lr");
        EXPECT_EQ(Fields(start.all(1)[0].bytes).message(2).at(2).as_double(), 0.1);
        const Fields end = Fields(find(values, "_hparams_/session_end_info")->content).message(4);
        EXPECT_EQ(end.at(1).as_int(), status) << outcome;
    }
}

TEST_F(TensorBoardTest, LightningsLayoutIsThereWhenAskedFor) {
    auto logger = open({{"compat", "lightning"}});
    logger.hyperparameters(Config{{"lr", 0.1}});
    logger.metrics({{"a", 1.5}}, 0);
    logger.text("note", "x", 0);
    const auto values = written();
    EXPECT_NE(find(values, "_hparams_/session_end_info"), nullptr);
    EXPECT_EQ(find(values, "hp_metric")->number, -1.0f);
    EXPECT_TRUE(find(values, "a")->simple);
    EXPECT_EQ(find(values, "a")->plugin, "");
    EXPECT_NE(find(values, "note/text_summary"), nullptr);
}

TEST_F(TensorBoardTest, ChartsAreLaidOutOnce) {
    auto logger =
        open({{"chart", list(Config{{"category", "loss"}, {"title", "both"}, {"tags", list("train/.*", "val/.*")}},
                             Config{{"title", "band"}, {"margin", list("m", "lo", "hi")}})}});
    logger.finalize();
    const auto values = written();
    ASSERT_EQ(values.size(), 1u);
    EXPECT_EQ(values[0].plugin, "custom_scalars");
    const Fields layout(values[0].strings.at(0));
    const Fields chart = Fields(layout.all(2).at(0).bytes).message(2);
    EXPECT_EQ(chart.text(1), "both");
    EXPECT_EQ(chart.message(2).all(1).size(), 2u);
    EXPECT_EQ(Fields(layout.all(2).at(1).bytes).message(2).message(3).message(1).text(3), "hi");
}

TEST_F(TensorBoardTest, AChartWithoutLinesIsRefused) {
    EXPECT_THROW(open({{"chart", list(Config{{"title", "x"}})}}), dv::ComponentError);
    EXPECT_THROW(open({{"chart", list(Config{{"margin", list("a", "b")}})}}), dv::ComponentError);
}

TEST_F(TensorBoardTest, EventsAreOnDiskWhenTheirPatienceEnds) {
    auto logger = open({{"flush_secs", 10.0}});
    logger.metrics({{"a", 1.0}}, 0, -1, 1.7e9 + 1);
    EXPECT_EQ(written().size(), 0u);
    logger.metrics({{"a", 1.0}}, 1, -1, 1.7e9 + 11);
    EXPECT_EQ(written().size(), 2u);
}

TEST_F(TensorBoardTest, ManyEventsDoNotWait) {
    auto logger = open({{"flush_secs", 10.0}, {"max_queue", 2}});
    logger.metrics({{"a", 1.0}}, 0, -1, 1.7e9 + 1);
    EXPECT_EQ(written().size(), 0u);
    logger.metrics({{"a", 1.0}}, 1, -1, 1.7e9 + 1);
    EXPECT_EQ(written().size(), 2u);
}

TEST_F(TensorBoardTest, ANewFileComesAfterTheOldOnesAndSaysFromWhichStep) {
    plugin.host().clock.wall = 1700000000.0;
    { auto first = open(); }
    const auto before = content(event_files(folder()).at(0));
    auto second = open();
    second.metrics({{"a", 1.0}}, 12);
    second.finalize();
    const auto files = event_files(folder());
    ASSERT_EQ(files.size(), 2u);
    EXPECT_EQ(content(files[0]), before);
    const auto records = tensorboard::testing::records(content(files[1]));
    EXPECT_EQ(Fields(records.at(1)).at(2).as_int(), 12);
    EXPECT_EQ(Fields(records.at(1)).message(7).at(1).as_int(), 1);
}

TEST_F(TensorBoardTest, ARunThatGoesOnSaysFromWhichStepAtOnce) {
    { auto first = open(); }
    auto second = open();
    const dv_resume from{sizeof(dv_resume), 0, 12, 40};
    ASSERT_EQ(second.made().vtable<dv_logger_1>().resume(second.made().object(), &from), DV_OK);
    second.metrics({{"a", 1.0}}, 41);
    second.finalize();
    const auto records = tensorboard::testing::records(bytes());
    ASSERT_EQ(records.size(), 3u);
    EXPECT_EQ(Fields(records[1]).at(2).as_int(), 40);
    EXPECT_EQ(Fields(records[1]).message(7).at(1).as_int(), 1);
}

TEST_F(TensorBoardTest, AfterAKillTheOldFileIsCutAndANewOneGoesOn) {
    std::string position;
    {
        auto killed = open();
        killed.hyperparameters(Config{{"lr", 0.1}});
        killed.metrics({{"a", 1.0}}, 0);
        killed.flush();
        position = killed.position();
        killed.metrics({{"a", 2.0}}, 1);
    }
    plugin.host().resume_position = position;
    auto recovered = open();
    recovered.metrics({{"a", 2.0}}, 1);
    recovered.finalize("failed");
    const auto files = event_files(folder());
    ASSERT_EQ(files.size(), 2u);
    EXPECT_EQ(tensorboard::testing::values(content(files[0])).size(), 2u);
    const auto values = tensorboard::testing::values(content(files[1]));
    EXPECT_EQ(values.at(0).number, 2.0f);
    EXPECT_NE(find(values, "_hparams_/session_end_info"), nullptr);
}

TEST_F(TensorBoardTest, EveryBeginningOfAFileIsReadAsFarAsItGoes) {
    auto logger = open();
    logger.hyperparameters(Config{{"lr", 0.1}});
    for (int i = 0; i < 5; ++i) logger.metrics({{"a", 1.0}, {"b", 2.0}}, i, 0);
    logger.finalize();
    const std::string whole = bytes();
    const std::size_t n = tensorboard::testing::records(whole).size();
    std::size_t last = 0;
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        const std::size_t found = tensorboard::testing::records(whole.substr(0, size)).size();
        EXPECT_TRUE(found == last || found == last + 1) << size;
        last = found;
    }
    EXPECT_EQ(last, n);
}

TEST_F(TensorBoardTest, AFullDiskIsReportedAndWhatWaitedFollows) {
    auto logger = open({{"flush_secs", 0.0}});
    {
        const loggers::testing::SmallDisk disk(bytes().size() + 20);
        EXPECT_THROW(logger.metrics({{"a", 1.0}}, 0), dv::ComponentError);
    }
    logger.metrics({{"a", 2.0}}, 1);
    const auto values = written();
    ASSERT_EQ(values.size(), 2u);
    EXPECT_EQ(values[1].number, 2.0f);
}

}  // namespace

#include "wire/tests/proto_reader.hpp"

#include <dv/testing/load.hpp>

#include <sqlite3.h>

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <deque>
#include <fstream>
#include <iterator>

namespace {

namespace fs = std::filesystem;
using dv::testing::Config;
using dv::testing::list;
using dv::testing::LoggerHandle;
using dv::testing::Plugin;
using loggers::testing::Field;
using loggers::testing::Fields;

/// The first column of a query's rows.
std::deque<std::string> query(const fs::path& path, const char* sql) {
    std::deque<std::string> out;
    sqlite3* database = nullptr;
    ::sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READONLY, nullptr);
    sqlite3_stmt* statement = nullptr;
    ::sqlite3_prepare_v2(database, sql, -1, &statement, nullptr);
    while (::sqlite3_step(statement) == SQLITE_ROW) {
        const auto* data = static_cast<const char*>(::sqlite3_column_blob(statement, 0));
        out.emplace_back(data, static_cast<std::size_t>(::sqlite3_column_bytes(statement, 0)));
    }
    ::sqlite3_finalize(statement);
    ::sqlite3_close(database);
    return out;
}

class NeptuneTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};

    void SetUp() override { plugin.host().clock.wall = 1700000000.0; }
    LoggerHandle open(Config config = {}) {
        config.set("run_id", "r-1");
        return plugin.make<dv::Logger>("neptune", config);
    }
    fs::path file() {
        for (const auto& entry : fs::directory_iterator(plugin.host().run_dir() / ".neptune"))
            return entry.path() / "run_operations.sqlite3";
        return {};
    }
    /// Operations of updates, in order; valid until the test ends.
    const std::deque<std::string>& updates() {
        return kept_.emplace_back(
            query(file(), "SELECT operation FROM run_operations WHERE operation_type = 0 ORDER BY sequence_id"));
    }
    /// The value at a path in a map of an update.
    static Fields value(const Fields& update, std::uint32_t field, std::string_view path) {
        for (const Field& entry : update.all(field)) {
            if (Fields(entry.bytes).text(1) == path) return Fields(entry.bytes).message(2);
        }
        throw std::runtime_error("no " + std::string(path));
    }

private:
    std::deque<std::deque<std::string>> kept_;
};

TEST_F(NeptuneTest, TheFileSaysWhoseItIs) {
    auto logger = open({{"project", "ws/p"}, {"experiment_name", "e"}, {"group", "g"}, {"tags", list("a", "b")}});
    logger.finalize();
    EXPECT_EQ(file().parent_path().filename(), "ws_p_r-1_1700000000000000000");
    EXPECT_EQ(query(file(), "SELECT version || ' ' || project || ' ' || run_id FROM metadata"),
              std::deque<std::string>{"v5 ws/p r-1"});
    const auto creates = query(file(), "SELECT operation FROM run_operations WHERE operation_type = 1");
    ASSERT_EQ(creates.size(), 1u);
    const Fields run(creates[0]);
    EXPECT_EQ(run.text(1), "r-1");
    EXPECT_EQ(run.text(4), "r-1");
    EXPECT_EQ(run.text(5), "e");
    EXPECT_EQ(run.message(3).at(1).as_int(), 1700000000);
    const Fields tags = value(Fields(updates().at(0)), 5, "sys/tags").message(1);
    EXPECT_EQ(Fields(tags.all(1).at(1).bytes).text(1), "b");
}

TEST_F(NeptuneTest, ARowIsOneUpdateAtItsStep) {
    auto logger = open();
    logger.metrics({{"loss", 0.5}, {"caf\xC3\xA9", 2.0}}, 30, 2, 1700000001.5);
    logger.finalize();
    const Fields update(updates().at(1));
    EXPECT_EQ(update.message(1).at(1).as_int(), 30);
    EXPECT_EQ(update.message(2).at(1).as_int(), 1700000001);
    EXPECT_EQ(update.message(2).at(2).as_int(), 500000000);
    EXPECT_EQ(value(update, 8, "training/loss").at(1).as_double(), 0.5);
    EXPECT_EQ(value(update, 8, "training/caf\xC3\xA9").at(1).as_double(), 2.0);
    EXPECT_EQ(value(update, 8, "training/epoch").at(1).as_double(), 2.0);
}

TEST_F(NeptuneTest, PointsThatNeptuneDoesNotKnowAreLeftOutAndCounted) {
    auto logger = open();
    logger.metrics({{"nan", std::nan("")}, {"up", HUGE_VAL}, {"large", 1e308}}, 0, -1, 1.7e9);
    logger.metrics({{"nan", std::nan("")}}, 1, -1, 1.7e9);
    logger.finalize();
    EXPECT_EQ(Fields(updates().at(1)).all(8).size(), 1u);
    EXPECT_EQ(updates().size(), 3u);
    EXPECT_NE(plugin.host().log_text(DV_LOG_WARNING).find("3 points are left out"), std::string::npos);
}

TEST_F(NeptuneTest, TheManifestIsAttributesWithTheirTypes) {
    auto logger = open();
    logger.hyperparameters(
        Config{{"seed", 7}, {"lr", 0.1}, {"on", true}, {"model", Config{{"type", "rcnn"}, {"limit", HUGE_VAL}}}});
    logger.finalize();
    const Fields update(updates().at(1));
    EXPECT_EQ(value(update, 4, "training/hyperparameters/seed").at(3).as_int(), 7);
    EXPECT_EQ(value(update, 4, "training/hyperparameters/lr").at(1).as_double(), 0.1);
    EXPECT_EQ(value(update, 4, "training/hyperparameters/on").at(5).as_int(), 1);
    EXPECT_EQ(value(update, 4, "training/hyperparameters/model/type").text(6), "rcnn");
    EXPECT_EQ(value(update, 4, "training/hyperparameters/model/limit").text(6), "inf");
}

TEST_F(NeptuneTest, AHistogramHasOneEdgeMoreThanBuckets) {
    const std::array limits{0.0, 1.0, HUGE_VAL};
    const std::array counts{1.0, 300.0, 5.0};
    auto logger = open();
    logger.histogram("w", {sizeof(dv_histogram), 3, limits.data(), counts.data(), -1, 9, 0, 0, 306}, 3);
    logger.finalize();
    const Fields histogram = value(Fields(updates().at(1)), 8, "training/w").message(14);
    std::array<double, 4> edges{};
    ASSERT_EQ(histogram.at(1).bytes.size(), sizeof edges);
    std::memcpy(edges.data(), histogram.at(1).bytes.data(), sizeof edges);
    EXPECT_EQ(edges, (std::array{-1.0, 0.0, 1.0, 9.0}));
    EXPECT_EQ(histogram.message(4).text(1), "\x01\xAC\x02\x05");
}

TEST_F(NeptuneTest, ManyNamesAreSeveralUpdatesThatNeptuneTakes) {
    auto logger = open();
    dv::testing::Metrics row;
    for (int i = 0; i < 30000; ++i) row.emplace_back("metric/" + std::string(80, 'x') + std::to_string(i), 1.0);
    logger.metrics(row, 0, -1, 1.7e9);
    logger.finalize();
    std::size_t n = 0;
    for (const std::string& update : updates()) {
        EXPECT_LT(update.size(), std::size_t{2} << 20);
        n += Fields(update).all(8).size();
    }
    EXPECT_EQ(n, row.size());
}

TEST_F(NeptuneTest, AfterAKillTheFileGoesOnWhereItWasSafe) {
    std::string position;
    {
        auto killed = open({{"flush_secs", 0.0}});
        killed.metrics({{"a", 1.0}}, 0, -1, 1.7e9);
        killed.flush();
        position = killed.position();
        killed.metrics({{"a", 2.0}}, 1, -1, 1.7e9);
    }
    plugin.host().resume_position = position;
    auto recovered = open();
    recovered.metrics({{"a", 2.0}}, 1, -1, 1.7e9);
    recovered.finalize("failed");
    ASSERT_EQ(updates().size(), 4u);
    EXPECT_EQ(value(Fields(updates()[2]), 8, "training/a").at(1).as_double(), 2.0);
    EXPECT_EQ(value(Fields(updates()[3]), 4, "sys/dvhost/outcome").text(6), "failed");
}

TEST_F(NeptuneTest, FilesAreKeptForTheUploadAndReferredTo) {
    const fs::path checkpoint = plugin.host().run_dir() / "epoch=0-step=4.ckpt";
    std::string position;
    {
        auto killed = open({{"flush_secs", 0.0}});
        killed.flush();
        position = killed.position();
        std::ofstream(checkpoint) << "weights";
        killed.artifact("best", checkpoint.string());
    }
    plugin.host().resume_position = position;
    auto logger = open({{"flush_secs", 0.0}});
    logger.artifact("best", checkpoint.string());  // comes again
    fs::remove(checkpoint);
    logger.finalize();
    const auto uploads = query(file(), "SELECT mime_type || ' ' || size_bytes || ' ' || is_temporary FROM file_upload_requests");
    EXPECT_EQ(uploads, std::deque<std::string>{"application/octet-stream 7 1"});
    const std::string source = query(file(), "SELECT source_path FROM file_upload_requests").at(0);
    EXPECT_TRUE(fs::path(source).is_absolute());
    std::ifstream kept(source);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(kept), {}), "weights");
    const Fields reference = value(Fields(updates().at(1)), 4, "training/files/best/epoch=0-step=4.ckpt").message(13);
    EXPECT_EQ(reference.text(1), query(file(), "SELECT destination FROM file_upload_requests").at(0));
    EXPECT_EQ(reference.text(1).substr(0, 4), "r-1-");
    EXPECT_EQ(reference.at(2).as_int(), 7);
    EXPECT_EQ(reference.text(3), "application/octet-stream");
}

TEST_F(NeptuneTest, ProjectsAreAWorkspaceAndAName) {
    for (const char* project : {"p", "a/b/c", "/p", "ws/"})
        EXPECT_THROW(open({{"project", project}}), dv::ComponentError) << project;
}

}  // namespace

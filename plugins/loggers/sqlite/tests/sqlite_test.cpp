#include <dv/testing/load.hpp>

#include "tests/small_disk.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using dv::testing::Config;
using dv::testing::LoggerHandle;
using dv::testing::Plugin;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

/// All cells of an answer, "a|b" a row, over a connection of its own.
std::vector<std::string> query(const fs::path& file, const std::string& text) {
    sqlite3* opened = nullptr;
    if (sqlite3_open_v2(file.c_str(), &opened, SQLITE_OPEN_READONLY, nullptr) != SQLITE_OK) return {sqlite3_errmsg(opened)};
    std::vector<std::string> rows;
    const auto add = [](void* to, int n, char** cells, char**) {
        std::string row;
        for (int i = 0; i < n; ++i) row += (i ? "|" : "") + std::string(cells[i] ? cells[i] : "NULL");
        static_cast<std::vector<std::string>*>(to)->push_back(row);
        return 0;
    };
    char* problem = nullptr;
    if (sqlite3_exec(opened, text.c_str(), add, &rows, &problem) != SQLITE_OK) rows.push_back(problem);
    sqlite3_free(problem);
    sqlite3_close(opened);
    return rows;
}

class SqliteTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};

    LoggerHandle open(const Config& config = {}) { return plugin.make<dv::Logger>("sqlite", config); }
    fs::path file() { return plugin.host().run_dir() / "dvhost.sqlite"; }
    std::vector<std::string> ask(const std::string& text) { return query(file(), text); }
    using Rows = std::vector<std::string>;
};

TEST_F(SqliteTest, KeepsRowsInTheirOrder) {
    auto sqlite = open({{"name", "first"}, {"group", "g"}, {"tags", dv::testing::list("a", "b \"c\"")}});
    sqlite.metrics({{"train/loss", 0.5}, {"caf\u00e9 \u2713", 1e308}}, 3, 0, 100.5);
    sqlite.metrics({{"train/loss", kNan}, {"up", kInf}, {"down", -kInf}}, 3, -1, 101.0);
    sqlite.metrics({{"train/loss", 0.25}}, 1, 1, 102.0);
    sqlite.finalize();
    EXPECT_EQ(ask("SELECT name, step, epoch, time, value FROM metrics"),
              (Rows{"train/loss|3|0|100.5|0.5", "caf\u00e9 \u2713|3|0|100.5|1.0e+308", "train/loss|3|NULL|101.0|NULL", "up|3|NULL|101.0|Inf",
                    "down|3|NULL|101.0|-Inf", "train/loss|1|1|102.0|0.25"}));
    EXPECT_EQ(ask("SELECT name, \"group\", tags, outcome, ended IS NOT NULL FROM runs"), (Rows{"first|g|[\"a\",\"b \\\"c\\\"\"]|success|1"}));
}

TEST_F(SqliteTest, CanBeReadWhileItIsWritten) {
    auto sqlite = open();
    sqlite.metrics({{"a", 1.0}}, 0, 0);
    sqlite.flush();
    sqlite.metrics({{"a", 2.0}}, 1, 0);
    EXPECT_EQ(ask("SELECT value FROM metrics"), (Rows{"1.0"}));
    EXPECT_EQ(ask("SELECT outcome FROM runs"), (Rows{"NULL"}));
}

TEST_F(SqliteTest, KeepsTheManifestFlat) {
    auto sqlite = open();
    sqlite.hyperparameters(Config{{"lr", 0.1}, {"model", Config{{"layer", dv::testing::list(Config{{"name", "V1"}})}, {"bias", true}}}});
    sqlite.finalize();
    EXPECT_EQ(ask("SELECT name, value FROM params"), (Rows{"lr|0.1", "model.bias|true", "model.layer.0.name|\"V1\""}));
}

TEST_F(SqliteTest, KeepsWhatIsNotANumber) {
    auto sqlite = open({{"prefix", "p"}});
    const double limits[] = {1.0, 2.0}, counts[] = {3.0, 4.0};
    sqlite.text("note", "two\nlines", 1);
    sqlite.histogram("w", {sizeof(dv_histogram), 2, limits, counts, 0, 2, 9, 8, 7}, 2);
    const std::string png("\x89PNG\0x", 6);
    sqlite.image("i", {sizeof(dv_image), 3, 4, 5, {png.data(), png.size()}}, 3);
    sqlite.artifact("best", "a/b.ckpt");
    sqlite.finalize();
    EXPECT_EQ(ask("SELECT kind, name, step, typeof(content), length(content) FROM notes ORDER BY n"),
              (Rows{"text|p-note|1|text|9", "histogram|p-w|2|text|31", "image|p-i|3|blob|6", "artifact|best|0|text|8"}));
    EXPECT_EQ(ask("SELECT content FROM notes WHERE kind = 'histogram'"), (Rows{"{\"limits\":[1,2],\"counts\":[3,4]}"}));
}

TEST_F(SqliteTest, SeveralRunsShareAFile) {
    auto first = open();
    auto second = open();
    first.metrics({{"a", 1.0}}, 0, 0);
    first.flush();
    second.metrics({{"a", 2.0}}, 0, 0);
    second.finalize();
    first.finalize("failed");
    EXPECT_EQ(ask("SELECT run, value FROM metrics"), (Rows{"1|1.0", "2|2.0"}));
    EXPECT_EQ(ask("SELECT outcome FROM runs"), (Rows{"failed", "success"}));
}

TEST_F(SqliteTest, GoesOnWhereAKilledProcessWasSafe) {
    std::string position;
    {
        auto sqlite = open();
        EXPECT_EQ(sqlite.position(), "0 1 " + file().string());
        sqlite.metrics({{"a", 1.0}, {"b", 2.0}}, 0, 0);
        sqlite.flush();
        position = sqlite.position();
        sqlite.metrics({{"a", 3.0}}, 1, 0);
        sqlite.flush();  // committed, and nobody heard of it
    }
    plugin.host().resume_position = position;
    auto sqlite = open();
    sqlite.metrics({{"a", 3.0}}, 1, 0);
    sqlite.finalize("failed");
    EXPECT_EQ(ask("SELECT n, name, value FROM metrics"), (Rows{"1|a|1.0", "2|b|2.0", "3|a|3.0"}));
    EXPECT_EQ(ask("SELECT id, outcome FROM runs"), (Rows{"1|failed"}));
}

TEST_F(SqliteTest, AFullDiskIsAnErrorWithPathAndReasonAndWhatFollowsHasItsNames) {
    auto sqlite = open();
    sqlite.metrics({{"first", 1.0}}, 0, 0);
    sqlite.flush();
    const std::string much(1'000'000, 'x');
    {
        const loggers::testing::SmallDisk disk(200'000);
        try {
            sqlite.metrics({{"new", 2.0}}, 1, 0);
            for (int i = 0; i < 20; ++i) sqlite.text("t", much, i);
            sqlite.flush();
            FAIL() << "a full disk took everything";
        } catch (const dv::ComponentError& error) {
            EXPECT_EQ(error.code(), DV_IO);
            EXPECT_NE(error.text.find(file().string()), std::string::npos) << error.text;
        }
    }
    sqlite.metrics({{"new", 3.0}}, 2, 0);
    sqlite.finalize();
    const auto rows = ask("SELECT name, value FROM metrics WHERE step = 2");
    EXPECT_EQ(rows, (Rows{"new|3.0"}));
    EXPECT_EQ(ask("PRAGMA integrity_check"), (Rows{"ok"}));
}

/// What tests/read_sqlite.py reads back; its expectations are there.
TEST_F(SqliteTest, SampleForReaders) {
    const char* folder = std::getenv("DV_READER_DIR");
    const fs::path into = folder ? fs::path(folder) : plugin.host().run_dir();
    auto sqlite = open({{"path", (into / "sample.sqlite").string()}, {"tags", dv::testing::list("x")}});
    sqlite.hyperparameters(Config{{"model", Config{{"name", "caf\u00e9"}}}});
    for (int step = 0; step < 1000; ++step) sqlite.metrics({{"train/loss", 1.0 / (1 + step)}, {"odd \"name\"\n", kNan}}, step, step / 100);
    sqlite.finalize();
    EXPECT_GT(fs::file_size(into / "sample.sqlite"), 0u);
}

}  // namespace

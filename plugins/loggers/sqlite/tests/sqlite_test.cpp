#include <dv/testing/load.hpp>

#include "tests/small_disk.hpp"
#include "tests/torture.hpp"

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

TEST_F(SqliteTest, ARunThatGoesOnFromACheckpointKeepsTheRowsUpToThere) {
    const auto write = [](LoggerHandle& sqlite, int from, int to) {
        for (int row = from; row < to; ++row) {
            if (row % 2 == 0) sqlite.text("before", std::to_string(row), row / 2);
            // Two rows of one step and one moment are two.
            sqlite.metrics({{row % 2 == 0 ? "a" : "b", row + 0.5}, {"c", 1.0}}, row / 2, 0, 100.0);
        }
        sqlite.finalize();
    };
    const char* const everything = "SELECT run, n, name, step, epoch, printf('%.0f', time), value FROM metrics UNION ALL "
                                   "SELECT run, n, name, step, kind, content, '' FROM notes UNION ALL "
                                   "SELECT id, name, outcome, ended > 0, '', '', '' FROM runs ORDER BY 1, 2";
    {
        auto whole = open();
        write(whole, 0, 6);
    }
    const Rows expected = ask(everything);
    ASSERT_EQ(expected.size(), 12u + 3u + 1u);
    for (const int kept : {6, 5, 4, 1, 0}) {
        auto sqlite = open();
        sqlite.resume(kept, kept / 2);
        EXPECT_EQ(ask("SELECT outcome FROM runs"), (Rows{"NULL"})) << "it goes on";
        write(sqlite, kept, 6);
        EXPECT_EQ(ask(everything), expected) << kept;
    }
}

TEST_F(SqliteTest, ARunThatWasThinnedOutIsCutByItsSteps) {
    {
        auto sqlite = open({{"log_every", 2}});
        for (int step = 0; step < 10; ++step) sqlite.metrics({{"a", 1.0}}, step, 0);
        sqlite.finalize();
    }
    auto sqlite = open({{"log_every", 2}});
    sqlite.resume(5, 5);
    sqlite.metrics({{"a", 2.0}}, 5, 0);
    sqlite.finalize();
    EXPECT_EQ(ask("SELECT step, value FROM metrics"), (Rows{"0|1.0", "2|1.0", "4|1.0", "5|2.0"}));
}

TEST_F(SqliteTest, LoggersOfOneRunThatShareAFileEachFindTheirOwnAgain) {
    const std::string shared = (plugin.host().run_dir() / "all.sqlite").string();
    Plugin elsewhere = plugin.with_new_host();
    const auto of_others = [&](const char* name) { return elsewhere.make<dv::Logger>("sqlite", {{"path", shared}, {"name", name}}); };
    const auto mine = [&](const char* name) { return open({{"path", shared}, {"name", name}}); };
    {
        auto first = mine("x"), second = mine("x"), third = mine("y"), other = of_others("x");
        for (LoggerHandle* sqlite : {&first, &second, &third, &other}) {
            sqlite->metrics({{"a", 1.0}}, 0, 0);
            sqlite->finalize();
        }
    }
    auto first = mine("x"), second = mine("x"), third = mine("y");
    double value = 2.0;
    for (LoggerHandle* sqlite : {&first, &second, &third}) {
        sqlite->resume(1, 1);
        sqlite->metrics({{"a", value++}}, 1, 0);
        sqlite->finalize();
    }
    EXPECT_EQ(query(shared, "SELECT run, step, value FROM metrics"),
              (Rows{"1|0|1.0", "1|1|2.0", "2|0|1.0", "2|1|3.0", "3|0|1.0", "3|1|4.0", "4|0|1.0"}));
    EXPECT_EQ(query(shared, "SELECT count(*) FROM runs"), (Rows{"4"}));
}

TEST_F(SqliteTest, ARunThatIsNotThereBeginsWhereItIsContinued) {
    auto sqlite = open();
    sqlite.resume(3, 3);
    sqlite.metrics({{"a", 1.0}}, 3, 0);
    sqlite.finalize();
    EXPECT_EQ(ask("SELECT run, n, step FROM metrics"), (Rows{"1|1|3"}));
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

    auto tortured = open({{"path", (into / "torture.sqlite").string()}});
    dv::loggers::torture(tortured);
    tortured.finalize();
}

}  // namespace

#include "logging/log_thread.hpp"
#include "logging/replay.hpp"

#include "spool_fixture.hpp"

#include <dv/error.hpp>

#include <gmock/gmock.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <future>

#include <sys/wait.h>

namespace dvhost::logging {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace fs = std::filesystem;

/// A file of lines that can be continued: its position is its length.
struct LineLogger final : dv::Logger {
    fs::path file;
    bool broken = false, resumable = true;

    explicit LineLogger(fs::path path, const std::string& position = "0") : file(std::move(path)) {
        if (!fs::exists(file)) std::ofstream made(file);
        fs::resize_file(file, std::stoul(position));
    }
    void add(const std::string& line) {
        if (broken) throw dv::IoError("no space");
        std::ofstream(file, std::ios::app) << line << "\n";
    }
    void metrics(const dv::Row& row) override {
        std::string line = std::to_string(row.step);
        for (const dv_metric& m : row.metrics) line += " " + std::string(m.name.p, m.name.n) + "=" + std::to_string(static_cast<long>(m.value));
        add(line);
    }
    void text(std::string_view name, std::string_view text, std::int64_t) override { add(std::string(name) + ": " + std::string(text)); }
    void finalize(std::string_view outcome) override { add("end " + std::string(outcome)); }
    std::string position() override { return resumable ? std::to_string(fs::file_size(file)) : std::string(); }
};

class ReplayTest : public SpoolFolderTest {
protected:
    fs::path spool = folder / ".dvspool";
    loops::Names ab = names_of({"a", "b"});

    ReplayTest() { fs::create_directories(folder); }

    fs::path file(int i = 0) { return folder / (std::to_string(i) + ".txt"); }
    std::vector<std::string> lines(int i = 0) {
        std::ifstream in(file(i));
        std::vector<std::string> out;
        for (std::string line; std::getline(in, line);) out.push_back(line);
        return out;
    }
    static LoggerEntry entry(std::shared_ptr<dv::Logger> logger, int i = 0) {
        return {std::move(logger), "line " + std::to_string(i), false, 3, "logger." + std::to_string(i)};
    }
    void put(LogThread& thread, int step) {
        const double values[] = {static_cast<double>(step), 1.0};
        thread.row(ab, values, step, 0);
    }
    /// What `logs recover` does for one logger.
    Replay recover(const std::string& outcome = "failed") {
        const SpoolFolder f(spool);
        const SpoolLock lock(f);
        const auto cursor = f.read_cursor("logger.0");
        if (!cursor) throw std::logic_error("no cursor");
        auto logger = std::make_shared<LineLogger>(file(), cursor->position);
        return replay(f, {{entry(logger), *cursor}}, nullptr, outcome, warn());
    }
    /// Runs `child` in a process of its own, which ends by SIGKILL.
    template <class Child>
    void killed(Child child) {
        const pid_t pid = ::fork();
        if (pid == 0) {
            child();
            ::kill(::getpid(), SIGKILL);
        }
        int status = 0;
        ::waitpid(pid, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status));
    }
};

TEST_F(ReplayTest, ARunThatEndsWellLeavesNoSpool) {
    LogThread thread({entry(std::make_shared<LineLogger>(file()))}, warn(), {.folder = spool});
    EXPECT_TRUE(fs::exists(spool));
    put(thread, 1);
    thread.finish("success");
    EXPECT_THAT(lines(), ElementsAre("1 a=1 b=1", "end success"));
    EXPECT_FALSE(fs::exists(spool));
}

TEST_F(ReplayTest, EverythingLoggedBeforeAKillIsThereOnce) {
    for (int round = 0; round < 20; ++round) {
        fs::remove_all(folder);
        fs::create_directories(folder);
        const int n = 1 + 733 * round;
        killed([&] {
            LogThread thread({entry(std::make_shared<LineLogger>(file()))}, warn(), {.folder = spool});
            for (int i = 0; i < n; ++i) put(thread, i);
            thread.text("t", "last words", n);
            ::usleep(static_cast<useconds_t>(500 * round));
            ::kill(::getpid(), SIGKILL);
        });
        const Replay report = recover();
        EXPECT_THAT(report.failures, IsEmpty());
        const auto found = lines();
        ASSERT_EQ(found.size(), static_cast<std::size_t>(n + 2)) << "round " << round;
        for (int i = 0; i < n; ++i) ASSERT_EQ(found[static_cast<std::size_t>(i)], std::to_string(i) + " a=" + std::to_string(i) + " b=1");
        EXPECT_EQ(found[static_cast<std::size_t>(n)], "t: last words");
        EXPECT_EQ(found.back(), "end failed");
        EXPECT_FALSE(fs::exists(spool));
    }
}

TEST_F(ReplayTest, ACursorThatHasMovedIsWhereItGoesOn) {
    killed([&] {
        LogThread thread({entry(std::make_shared<LineLogger>(file()))}, warn(), {.folder = spool});
        for (int i = 0; i < 100; ++i) put(thread, i);
        while (SpoolFolder(spool).read_cursor("logger.0")->place == Place{}) ::usleep(10'000);
        for (int i = 100; i < 150; ++i) put(thread, i);
        ::usleep(50'000);
        ::kill(::getpid(), SIGKILL);
    });
    const Replay report = recover();
    EXPECT_EQ(report.rows, 50u);
    ASSERT_THAT(lines(), SizeIs(151));
    for (std::size_t i = 0; i < 150; ++i) EXPECT_THAT(lines()[i], ::testing::StartsWith(std::to_string(i) + " "));
}

TEST_F(ReplayTest, ATornRowIsGivenAsFarAsItReaches) {
    killed([&] {
        Spool torn({spool, OnFull::grow, 64}, warn());
        const double values[] = {1.0, 2.0};
        torn.row(ab, values, 1, 0);
        torn.row(ab, values, 2, 0);
        torn.read();
        torn.read()->records[2] = {};
        SpoolFolder(spool).write_cursor("logger.0", {{0, 0}, "0"});
        ::kill(::getpid(), SIGKILL);
    });
    recover();
    EXPECT_THAT(lines(), ElementsAre("1 a=1 b=2", "2 a=1", "end failed"));
}

TEST_F(ReplayTest, RowsWhoseNumbersNeverCameAreLeftOut) {
    killed([&] {
        Spool waiting({spool, OnFull::grow, 64}, warn());
        waiting.row(ab, [] { return std::vector<double>{5, 6}; }, 1, 0);
        waiting.row(ab, [] { return std::vector<double>{7, 8}; }, 2, 0);
        waiting.read();
        SpoolFolder(spool).write_cursor("logger.0", {{0, 0}, "0"});
        ::kill(::getpid(), SIGKILL);
    });
    recover();
    EXPECT_THAT(lines(), ElementsAre("1 a=5 b=6", "end failed"));
}

TEST_F(ReplayTest, WhatAFailingLoggerLostIsKeptForLater) {
    auto good = std::make_shared<LineLogger>(file(1));
    auto bad = std::make_shared<LineLogger>(file());
    LogThread thread({entry(bad), entry(good, 1)}, warn(), {.folder = spool});
    put(thread, 0);
    while (lines().empty()) ::usleep(1000);
    bad->broken = true;
    for (int i = 1; i < 10; ++i) put(thread, i);
    thread.finish("success");
    ASSERT_THAT(thread.failures(), SizeIs(1));
    EXPECT_TRUE(thread.failures()[0].kept);
    EXPECT_THAT(lines(1), SizeIs(11));
    const SpoolFolder f(spool);
    EXPECT_EQ(f.read_outcome(), "success");
    EXPECT_FALSE(f.read_cursor("logger.1"));
}

TEST_F(ReplayTest, LaterIsThen) {
    {
        auto bad = std::make_shared<LineLogger>(file());
        LogThread thread({entry(bad)}, warn(), {.folder = spool});
        bad->broken = true;
        for (int i = 0; i < 10; ++i) put(thread, i);
        thread.finish("success");
    }
    recover("success");
    EXPECT_THAT(lines(), SizeIs(11));
    EXPECT_EQ(lines().back(), "end success");
    EXPECT_FALSE(fs::exists(spool));
}

TEST_F(ReplayTest, ALoggerWithoutAPositionLeavesNoCursor) {
    auto logger = std::make_shared<LineLogger>(file());
    logger->resumable = false;
    LogThread thread({entry(logger)}, warn(), {.folder = spool});
    put(thread, 1);
    EXPECT_FALSE(SpoolFolder(spool).read_cursor("logger.0"));
    thread.finish("success");
}

TEST_F(ReplayTest, WhatIsDroppedIsCountedAsAMetric) {
    struct Slow final : dv::Logger {
        std::vector<std::string> names;
        std::promise<void> reached, go_on;
        void metrics(const dv::Row& row) override {
            if (names.empty()) {
                reached.set_value();
                go_on.get_future().wait();
            }
            for (const dv_metric& m : row.metrics) names.emplace_back(m.name.p, m.name.n);
        }
    };
    auto slow = std::make_shared<Slow>();
    LogThread thread({entry(slow)}, warn(), {.folder = spool, .on_full = OnFull::drop_oldest, .segments = 2});
    put(thread, 0);
    slow->reached.get_future().wait();
    for (int i = 1; i < 100'000; ++i) put(thread, i);
    slow->go_on.set_value();
    thread.finish("success");
    EXPECT_THAT(slow->names, ::testing::Contains("logging/dropped_rows"));
    EXPECT_THAT(warnings, ElementsAre(HasSubstr("rows were not logged")));
}

}  // namespace
}  // namespace dvhost::logging

#include "logging/log_thread.hpp"

#include <dv/error.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <future>
#include <utility>

namespace dvhost::logging {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Keeps what it gets; fails while `broken`.
struct MemoryLogger final : dv::Logger {
    std::vector<std::string> calls;
    std::atomic<bool> broken{false};
    std::shared_future<void> gate, finalize_gate;
    std::thread::id thread;
    std::string safe;  // its position

    void metrics(const dv::Row& row) override {
        if (gate.valid()) gate.wait();
        if (broken) throw dv::IoError("no space");
        thread = std::this_thread::get_id();
        std::string text = std::to_string(row.step) + ":";
        for (const dv_metric& m : row.metrics) text += std::string(m.name.p, m.name.n) + "=" + std::to_string(static_cast<int>(m.value));
        calls.push_back(text);
    }
    void resume(const dv_resume& from) override {
        calls.push_back("resume " + std::to_string(from.rows) + " " + std::to_string(from.step));
    }
    void flush() override { calls.emplace_back("flush"); }
    std::string position() override { return safe; }
    void finalize(std::string_view outcome) override {
        if (finalize_gate.valid()) finalize_gate.wait();
        calls.push_back("finalize " + std::string(outcome));
    }
};

class LogThreadTest : public ::testing::Test {
protected:
    std::vector<std::string> warnings;
    std::mutex mutex;
    std::shared_ptr<MemoryLogger> first = std::make_shared<MemoryLogger>(), second = std::make_shared<MemoryLogger>();
    loops::Names names = std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"a"});

    std::unique_ptr<LogThread> thread_with(bool required = false, SpoolOptions spool = {}) {
        return std::make_unique<LogThread>(std::vector<LoggerEntry>{{first, "first", required, 3}, {second, "second", false, 3}},
                                           [this](const std::string& w) {
                                               const std::lock_guard lock(mutex);
                                               warnings.push_back(w);
                                           },
                                           std::move(spool));
    }
    void row(LogThread& thread, int step) {
        thread.row(names, [step] { return std::vector<double>{static_cast<double>(10 * step)}; }, step, 0);
    }
};

TEST_F(LogThreadTest, DeliversInOrderOnItsOwnThreadAndFinishesOnce) {
    auto thread = thread_with();
    for (int i = 0; i < 3; ++i) row(*thread, i);
    thread->finish("success");
    thread->finish("failed");
    EXPECT_THAT(first->calls, ElementsAre("0:a=0", "1:a=10", "2:a=20", "flush", "finalize success"));
    EXPECT_EQ(first->calls, second->calls);
    EXPECT_NE(first->thread, std::this_thread::get_id());
    EXPECT_THAT(thread->failures(), IsEmpty());
}

TEST_F(LogThreadTest, AFailingLoggerIsSwitchedOffAndTheOtherGoesOn) {
    auto thread = thread_with();
    first->broken = true;
    for (int i = 0; i < 10; ++i) row(*thread, i);
    thread->finish("success");
    EXPECT_THAT(second->calls, SizeIs(12));
    ASSERT_THAT(thread->failures(), SizeIs(1));
    EXPECT_TRUE(thread->failures()[0].switched_off);
    EXPECT_EQ(thread->failures()[0].lost_rows, 10u);
    EXPECT_THAT(warnings, ElementsAre(HasSubstr("no space"), HasSubstr("switched off after 3")));
}

TEST_F(LogThreadTest, ALoggerThatRecoversStaysOnButItsLossIsKept) {
    auto thread = thread_with();
    std::promise<void> open;
    first->gate = open.get_future().share();
    first->broken = true;
    row(*thread, 0);
    open.set_value();
    while (true) {
        const std::lock_guard lock(mutex);
        if (!warnings.empty()) break;
    }
    first->broken = false;
    row(*thread, 1);
    thread->finish("success");
    EXPECT_THAT(first->calls, ElementsAre("1:a=10", "flush", "finalize success"));
    ASSERT_THAT(thread->failures(), SizeIs(1));
    EXPECT_EQ(thread->failures()[0].lost_rows, 1u);
    EXPECT_FALSE(thread->failures()[0].switched_off);
}

TEST_F(LogThreadTest, ARequiredLoggerEndsTheRunAtTheNextRow) {
    auto thread = thread_with(/*required=*/true);
    first->broken = true;
    EXPECT_THROW(
        {
            for (int i = 0;; ++i) row(*thread, i);
        },
        dv::Error);
}

TEST_F(LogThreadTest, ALoggerThatIsSlowLosesNothing) {
    std::promise<void> open;
    first->gate = open.get_future().share();
    auto thread = thread_with();
    std::jthread producer([&] {
        for (int i = 0; i < 10000; ++i) row(*thread, i);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    open.set_value();
    producer.join();
    thread->finish("success");
    EXPECT_THAT(second->calls, SizeIs(10002));
}

TEST_F(LogThreadTest, AResumedRunIsAnnouncedBeforeEverythingElse) {
    auto thread = thread_with();
    thread->resume(12, 34);
    row(*thread, 34);
    thread->finish("success");
    EXPECT_THAT(first->calls, ElementsAre("resume 12 34", "34:a=340", "flush", "finalize success"));
}

/// A gate that somebody waits at, and that is opened whatever happens, so that no test hangs.
struct Gate {
    std::promise<void> promise;
    bool is_open = false;
    std::shared_future<void> future = promise.get_future().share();
    void open() {
        if (!std::exchange(is_open, true)) promise.set_value();
    }
};

constexpr double kShort = 0.05;  // [s]

struct HangingLoggerTest : LogThreadTest, SpoolFolder {
    Gate gate;
    std::unique_ptr<LogThread> thread;

    HangingLoggerTest() : SpoolFolder(::testing::TempDir() + "dvhost-hanging-" + std::to_string(::getpid())) {
        std::filesystem::remove_all(path());
        first->safe = second->safe = "here";
    }
    ~HangingLoggerTest() override {
        gate.open();
        thread.reset();  // waits for whoever has passed the gate
        std::filesystem::remove_all(path());
    }
    std::vector<std::string> failed() const {
        std::vector<std::string> out;
        for (const LoggerFailure& f : thread->failures()) out.push_back(f.line("RUN"));
        return out;
    }
};

TEST_F(HangingLoggerTest, IsGivenUpInFinalizeAndTheOthersAreWhole) {
    first->finalize_gate = gate.future;
    thread = thread_with(false, {.folder = path()});
    row(*thread, 0);
    thread->finish("success", Patience(kShort));
    EXPECT_TRUE(thread->is_stuck());
    EXPECT_THAT(second->calls, ElementsAre("0:a=0", "flush", "finalize success"));
    EXPECT_THAT(failed(), ElementsAre("first failed: did not come back within 0.05 s; what it lacks is kept, and `dvhost logs sync RUN` "
                                      "hands it over again"));
    EXPECT_THAT(read_outcome(), ::testing::Optional(std::string("success")));
    EXPECT_TRUE(read_cursor("logger.0").has_value());
    EXPECT_FALSE(read_cursor("logger.1").has_value());
    EXPECT_THAT(segments(), SizeIs(1));
}

TEST_F(HangingLoggerTest, IsGivenUpInARowAndEverythingIsKeptForAll) {
    first->gate = gate.future;
    thread = thread_with(false, {.folder = path()});
    row(*thread, 0);
    thread->finish("success", Patience(kShort));
    EXPECT_TRUE(thread->is_stuck());
    EXPECT_THAT(failed(), ElementsAre(HasSubstr("first failed: did not come back"), HasSubstr("because another logger held it up")));
    EXPECT_TRUE(read_cursor("logger.0").has_value());
    EXPECT_TRUE(read_cursor("logger.1").has_value());
    gate.open();
    thread.reset();
    EXPECT_THAT(second->calls, IsEmpty()) << "what is kept for it must not be handed over as well";
}

TEST_F(HangingLoggerTest, IsNotWaitedForOnceThatIsAskedFor) {
    first->finalize_gate = gate.future;
    thread = thread_with(false, {.folder = path()});
    row(*thread, 0);
    std::atomic<int> asked{0};
    thread->finish("success", Patience(1e300, [&] { return ++asked > 3; }));
    EXPECT_THAT(failed(), ElementsAre(HasSubstr("did not come back before the run was told not to wait")));
}

TEST_F(HangingLoggerTest, IsWaitedForWhenItComesBackInTime) {
    first->finalize_gate = gate.future;
    thread = thread_with(false, {.folder = path()});
    row(*thread, 0);
    std::atomic<int> asked{0};
    thread->finish("success", Patience(1e300, [&] {
                       if (++asked == 3) gate.open();
                       return false;
                   }));
    EXPECT_FALSE(thread->is_stuck());
    EXPECT_THAT(thread->failures(), IsEmpty());
    EXPECT_THAT(first->calls, ElementsAre("0:a=0", "flush", "finalize success"));
    EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(LogThreadTest, EndsAsFailedWhenNobodyFinishesIt) {
    thread_with().reset();
    EXPECT_THAT(first->calls, ElementsAre("flush", "finalize failed"));
}

}  // namespace
}  // namespace dvhost::logging

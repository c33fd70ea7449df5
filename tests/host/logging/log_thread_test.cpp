#include "logging/log_thread.hpp"

#include <dv/error.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

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
    std::shared_future<void> gate;
    std::thread::id thread;

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
    void finalize(std::string_view outcome) override { calls.push_back("finalize " + std::string(outcome)); }
};

class LogThreadTest : public ::testing::Test {
protected:
    std::vector<std::string> warnings;
    std::mutex mutex;
    std::shared_ptr<MemoryLogger> first = std::make_shared<MemoryLogger>(), second = std::make_shared<MemoryLogger>();
    loops::Names names = std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"a"});

    std::unique_ptr<LogThread> thread_with(bool required = false) {
        return std::make_unique<LogThread>(std::vector<LoggerEntry>{{first, "first", required, 3}, {second, "second", false, 3}},
                                           [this](const std::string& w) {
                                               const std::lock_guard lock(mutex);
                                               warnings.push_back(w);
                                           });
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

TEST_F(LogThreadTest, EndsAsFailedWhenNobodyFinishesIt) {
    thread_with().reset();
    EXPECT_THAT(first->calls, ElementsAre("flush", "finalize failed"));
}

}  // namespace
}  // namespace dvhost::logging

/// Logging a row takes no memory from the heap once its names are known.

#include "logging/log_thread.hpp"
#include "spool_fixture.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>
#include <thread>

namespace {
thread_local std::size_t allocations = 0;

void* counted(std::size_t bytes) {
    ++allocations;
    void* memory = std::malloc(bytes > 0 ? bytes : 1);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}
}  // namespace

// For the whole program; each thread counts its own.
void* operator new(std::size_t bytes) { return counted(bytes); }
void* operator new[](std::size_t bytes) { return counted(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace dvhost::logging {
namespace {

struct Counting final : dv::Logger {
    std::atomic<std::int64_t> last{-1};
    void metrics(const dv::Row& row) override { last = row.step; }
    std::string position() override { return "somewhere"; }
};

class AllocationTest : public SpoolFolderTest {
protected:
    std::shared_ptr<Counting> logger = std::make_shared<Counting>();
    loops::Names names;
    std::vector<double> values = std::vector<double>(1000, 0.5);

    AllocationTest() {
        std::vector<std::string> made;
        for (int i = 0; i < 1000; ++i) made.push_back("train/metric_" + std::to_string(i));
        names = names_of(std::move(made));
    }
    /// Rows of some segments' length, not faster than the log thread reads them.
    void log(LogThread& thread, std::int64_t from, std::int64_t to) {
        for (std::int64_t step = from; step < to; ++step) {
            thread.row(names, values, step, 0);
            while (step % 16 == 0 && logger->last < step) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
};

TEST_F(AllocationTest, NoneOnTheTrainingThreadAcrossSegments) {
    for (const bool on_disk : {true, false}) {
        logger->last = -1;
        LogThread thread({{logger, "counting", false, 3}}, warn(), {.folder = on_disk ? folder : std::filesystem::path()});
        log(thread, 0, 100);
        const std::size_t before = allocations;
        log(thread, 100, 400);  // nine further segments
        EXPECT_EQ(allocations, before) << (on_disk ? "on disk" : "in memory");
        thread.finish("success");
        EXPECT_EQ(logger->last, 399);
    }
    EXPECT_TRUE(warnings.empty());
}

}  // namespace
}  // namespace dvhost::logging

#include "registry/boundary.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <stdexcept>
#include <thread>

namespace dvhost::registry {
namespace {

constexpr int kCrashed = 70;

/// A process that dies inside lab.logger.csv's hook "metrics".
class CrashTest : public ::testing::Test {
protected:
    template <class Body>
    static void in_hook(const Body& body) {
        Boundary boundary(nullptr, nullptr);
        const dv_host& host = boundary.host_for({"lab.tools", "lab.logger.csv", "logger.0"});
        install_crash_handlers();
        call(host, "lab.logger.csv", "metrics", [&] {
            body();
            return DV_OK;
        });
    }
};

/// Ends only where the stack does.
int deeper(int n) {
    volatile char use_the_stack[4096];
    use_the_stack[0] = static_cast<char>(n);
    return n < 0 ? 0 : deeper(n + 1) + use_the_stack[0];
}

[[noreturn]] void fail_with_a_number() { throw 1; }
[[noreturn]] void fail(const char* text) { throw std::runtime_error(text); }

TEST_F(CrashTest, ASignalNamesPluginComponentHookAndStep) {
    const auto crash = [] {
        set_breadcrumb_step(1000);
        in_hook([] { raise(SIGSEGV); });
    };
    EXPECT_EXIT(
        crash(), ::testing::ExitedWithCode(kCrashed),
        "^dvhost: crash \\(SIGSEGV\\) in plugin lab.tools, component lab.logger.csv, hook metrics, step 1000\n$");
}

TEST_F(CrashTest, EverySignalOfACrashIsNamed) {
    EXPECT_EXIT(in_hook([] { raise(SIGBUS); }), ::testing::ExitedWithCode(kCrashed),
                "crash \\(SIGBUS\\) in plugin lab.tools");
    EXPECT_EXIT(in_hook([] { raise(SIGFPE); }), ::testing::ExitedWithCode(kCrashed),
                "crash \\(SIGFPE\\) in plugin lab.tools");
    EXPECT_EXIT(in_hook([] { std::abort(); }), ::testing::ExitedWithCode(kCrashed),
                "crash \\(SIGABRT\\) in plugin lab.tools");
}

TEST_F(CrashTest, TerminateNamesTheException) {
    const auto breach = []() noexcept { fail("from a noexcept hook"); };
    const auto breach_of_another_kind = []() noexcept { fail_with_a_number(); };
    EXPECT_EXIT(
        in_hook(breach), ::testing::ExitedWithCode(kCrashed),
        "crash \\(terminate\\) in plugin lab.tools, component lab.logger.csv, hook metrics: from a noexcept hook");
    EXPECT_EXIT(in_hook(breach_of_another_kind), ::testing::ExitedWithCode(kCrashed),
                "hook metrics: unknown exception");
    EXPECT_EXIT(in_hook([] { std::terminate(); }), ::testing::ExitedWithCode(kCrashed), "hook metrics\n");
}

TEST_F(CrashTest, AStackOverflowIsNamedToo) {
    EXPECT_EXIT(in_hook([] { deeper(0); }), ::testing::ExitedWithCode(kCrashed), "SIGSEGV. in plugin lab.tools");
    const auto in_thread = [] { std::thread([] { in_hook([] { deeper(0); }); }).join(); };
    EXPECT_EXIT(in_thread(), ::testing::ExitedWithCode(kCrashed), "SIGSEGV. in plugin lab.tools");
}

TEST_F(CrashTest, OutsideOfPluginsNoneIsBlamed) {
    const auto crash = [] {
        in_hook([] {});
        raise(SIGSEGV);
    };
    EXPECT_EXIT(crash(), ::testing::ExitedWithCode(kCrashed),
                "^dvhost: crash \\(SIGSEGV\\) outside of any plugin call\n$");
    const auto in_new_thread = [] {
        in_hook([] {});
        std::thread([] { raise(SIGSEGV); }).join();
    };
    EXPECT_EXIT(in_new_thread(), ::testing::ExitedWithCode(kCrashed), "outside of any plugin call");
}

TEST_F(CrashTest, ACoreFileIsLeftToTheSystemWhenAskedFor) {
    const auto crash = [] {
        install_crash_handlers(AfterCrash::core);
        raise(SIGSEGV);
    };
    EXPECT_EXIT(crash(), ::testing::KilledBySignal(SIGSEGV), "dvhost: crash \\(SIGSEGV\\)");
}

}  // namespace
}  // namespace dvhost::registry

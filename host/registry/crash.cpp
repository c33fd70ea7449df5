#include "registry/crash.hpp"

#include "registry/boundary.hpp"
#include "registry/breadcrumbs.hpp"
#include "registry/refusal.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <exception>
#include <new>

namespace dvhost::registry {
namespace {

// Process-wide because signal handlers are, and get no argument.
constinit std::atomic<bool> installed{false};
constinit std::atomic<bool> wants_core{false};
constinit std::atomic_flag crashing = ATOMIC_FLAG_INIT;

/// A line put together without allocating, written at once.
class Line {
public:
    Line& operator<<(const char* text) {
        for (; *text && size_ < sizeof buffer_ - 1; ++text) {
            buffer_[size_++] = static_cast<unsigned char>(*text) < ' ' ? '?' : *text;
        }
        return *this;
    }
    Line& operator<<(std::int64_t number) {
        char digits[24];
        int n = 0;
        for (std::uint64_t rest = number < 0 ? 0 : static_cast<std::uint64_t>(number); n == 0 || rest > 0; rest /= 10) {
            digits[n++] = static_cast<char>('0' + rest % 10);
        }
        while (n > 0 && size_ < sizeof buffer_ - 1) buffer_[size_++] = digits[--n];
        return *this;
    }
    void write() {
        buffer_[size_++] = '\n';
        for (std::size_t done = 0; done < size_;) {
            const ssize_t n = ::write(STDERR_FILENO, buffer_ + done, size_ - done);
            if (n <= 0) return;
            done += static_cast<std::size_t>(n);
        }
    }

private:
    char buffer_[2048];
    std::size_t size_ = 0;
};

void describe(const char* what, const char* detail) {
    Line line;
    line << "dvhost: crash (" << what << ")";
    const Trail* here = trail_if_any();
    if (const Crumb* crumb = here ? here->top() : nullptr) {
        line << " in plugin " << crumb->plugin;
        if (*crumb->component) line << ", component " << crumb->component;
        line << ", hook " << crumb->hook;
    } else {
        line << " outside of any plugin call";
    }
    if (breadcrumb_step() >= 0) line << ", step " << breadcrumb_step();
    if (*detail) line << ": " << detail;
    line.write();
}

/// The first thread to crash speaks; the others wait for the end that it brings.
void wait_unless_first() {
    if (!crashing.test_and_set()) return;
    for (;;) pause();
}

const char* signal_name(int number) {
    switch (number) {
        case SIGSEGV: return "SIGSEGV";
        case SIGBUS: return "SIGBUS";
        case SIGFPE: return "SIGFPE";
        default: return "SIGABRT";
    }
}

void on_signal(int number) {
    wait_unless_first();
    describe(signal_name(number), "");
    if (!wants_core.load()) _exit(static_cast<int>(ExitCode::crashed));
    signal(number, SIG_DFL);
    raise(number);  // not blocked here: SA_NODEFER
}

[[noreturn]] void on_terminate() {
    wait_unless_first();
    if (const std::exception_ptr thrown = std::current_exception()) {
        try {
            std::rethrow_exception(thrown);
        } catch (const std::exception& error) {
            describe("terminate", error.what());
        } catch (...) {
            describe("terminate", "unknown exception");
        }
    } else {
        describe("terminate", "");
    }
    if (!wants_core.load()) _exit(static_cast<int>(ExitCode::crashed));
    signal(SIGABRT, SIG_DFL);
    std::abort();
}

class AlternateStack {
public:
    AlternateStack() {
        stack_t present{};
        const bool has_one = sigaltstack(nullptr, &present) == 0 && (present.ss_flags & SS_DISABLE) == 0;
        if (has_one) return;  // a sanitizer's, or the program's own
        memory_ = new (std::nothrow) char[kSize];
        if (!memory_) return;
        stack_t own{};
        own.ss_sp = memory_;
        own.ss_size = kSize;
        sigaltstack(&own, nullptr);
    }
    ~AlternateStack() {
        if (!memory_) return;
        stack_t none{};
        none.ss_flags = SS_DISABLE;
        sigaltstack(&none, nullptr);
        delete[] memory_;
    }
    AlternateStack(const AlternateStack&) = delete;
    AlternateStack& operator=(const AlternateStack&) = delete;

private:
    static constexpr std::size_t kSize = 64 * 1024;
    char* memory_ = nullptr;
};

}  // namespace

void use_crash_stack() noexcept {
    if (!installed.load(std::memory_order_relaxed)) return;
    thread_local const AlternateStack stack;
    (void)stack;
}

void install_crash_handlers(AfterCrash after) {
    installed = true;
    wants_core = after == AfterCrash::core;
    use_crash_stack();
    std::set_terminate(&on_terminate);
    struct sigaction action {};
    action.sa_handler = &on_signal;
    action.sa_flags = SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGABRT}) sigaction(number, &action, nullptr);
}

}  // namespace dvhost::registry

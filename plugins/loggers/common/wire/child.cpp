#include "child.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <system_error>
#include <thread>

namespace loggers::wire {

namespace {

/// The child's three streams, all to nowhere.
class Nowhere {
public:
    Nowhere() {
        ::posix_spawn_file_actions_init(&actions_);
        for (const int stream : {0, 1, 2})
            ::posix_spawn_file_actions_addopen(&actions_, stream, "/dev/null", O_RDWR, 0);
    }
    ~Nowhere() { ::posix_spawn_file_actions_destroy(&actions_); }
    Nowhere(const Nowhere&) = delete;
    Nowhere& operator=(const Nowhere&) = delete;
    const posix_spawn_file_actions_t* get() const { return &actions_; }

private:
    posix_spawn_file_actions_t actions_;
};

std::string outcome_of(int status) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    if (WIFEXITED(status)) return "ended with code " + std::to_string(WEXITSTATUS(status));
    return "was ended by signal " + std::to_string(WTERMSIG(status));
}

}  // namespace

std::string run_child(const std::vector<std::string>& command, double budget) {
    std::vector<char*> arguments;
    for (const std::string& part : command) arguments.push_back(const_cast<char*>(part.c_str()));
    arguments.push_back(nullptr);
    const Nowhere streams;
    pid_t child = 0;
    const int failed = ::posix_spawnp(&child, arguments[0], streams.get(), nullptr, arguments.data(), environ);
    if (failed == ENOENT) return "is not installed";
    if (failed != 0) return "cannot be started: " + std::generic_category().message(failed);

    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(budget);
    while (true) {
        int status = 0;
        const pid_t found = ::waitpid(child, &status, WNOHANG);
        if (found == child) return outcome_of(status);
        if (found < 0 && errno != EINTR) return "cannot be waited for";
        if (std::chrono::steady_clock::now() >= end) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    return "took longer than " + std::to_string(static_cast<long>(budget)) + " s";
}

}  // namespace loggers::wire

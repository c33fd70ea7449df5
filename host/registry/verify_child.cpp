#include "registry/printable.hpp"
#include "registry/verify.hpp"

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

extern "C" char** environ;

namespace dvhost::registry {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kReportDescriptor = 3;
constexpr std::size_t kMaxReport = 1024 * 1024;  ///< [bytes]
constexpr std::size_t kCount = 6;                ///< L01 to L06

void write_line(int descriptor, const CheckResult& result) {
    const nlohmann::json json = {{"id", result.id},
                                 {"verdict", verdict_text(result.verdict)},
                                 {"reason", printable(result.reason)},
                                 {"fix", printable(result.fix)}};
    const std::string line = json.dump() + "\n";
    for (std::size_t done = 0; done < line.size();) {
        const ssize_t n = write(descriptor, line.data() + done, line.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;  // nobody listens any more
        done += static_cast<std::size_t>(n);
    }
}

Verdict verdict_of(const std::string& text) {
    for (const Verdict v : {Verdict::pass, Verdict::fail, Verdict::warn, Verdict::skip}) {
        if (text == verdict_text(v)) return v;
    }
    return Verdict::fail;
}

/// The results that came through; a line that was cut off by a crash is none.
std::vector<CheckResult> parsed(std::string_view report) {
    std::vector<CheckResult> out;
    for (std::size_t end; (end = report.find('\n')) != std::string_view::npos; report.remove_prefix(end + 1)) {
        const auto json = nlohmann::json::parse(report.substr(0, end), nullptr, false);
        if (!json.is_object()) continue;
        out.push_back({json.value("id", ""), verdict_of(json.value("verdict", "")), json.value("reason", ""),
                       json.value("fix", "")});
    }
    return out;
}

/// A child process in a group of its own: standard input and output are /dev/null, standard error and descriptor 3 are
/// read.
class Child {
public:
    Child(const std::filesystem::path& program, const std::filesystem::path& path) {
        std::array<std::array<int, 2>, 2> pipes{};
        for (auto& ends : pipes) {
            if (pipe2(ends.data(), O_CLOEXEC) != 0) fail("cannot make a pipe", errno);
        }
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, pipes[1][1], STDERR_FILENO);
        posix_spawn_file_actions_adddup2(&actions, pipes[0][1], kReportDescriptor);
        posix_spawnattr_t attributes;
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
        std::string arguments[] = {program.string(), kVerifyLoadCommand, path.string()};
        char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), nullptr};
        const int error = posix_spawn(&id_, program.c_str(), &actions, &attributes, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        for (std::size_t i = 0; i < 2; ++i) {
            close(pipes[i][1]);
            streams_[i].descriptor = pipes[i][0];
            fcntl(pipes[i][0], F_SETFL, O_NONBLOCK);
        }
        if (error != 0) fail("cannot start " + program.string(), error);
    }
    ~Child() {
        for (const Stream& stream : streams_) close(stream.descriptor);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    /// Waits for its end, or brings it. Afterwards nothing of its group runs.
    void finish(Clock::time_point deadline) {
        siginfo_t end{};
        while (end.si_pid == 0 && Clock::now() < deadline) {
            read_some(std::chrono::milliseconds(20));
            waitid(P_PID, static_cast<id_t>(id_), &end, WEXITED | WNOHANG | WNOWAIT);
        }
        timed_out_ = end.si_pid == 0;
        kill(-id_, SIGKILL);
        waitpid(id_, &status_, 0);
        read_some(std::chrono::milliseconds(0));
    }

    const std::string& report() const { return streams_[0].text; }
    bool timed_out() const { return timed_out_; }

    /// "SIGSEGV while loading", "called exit(7) while loading", with the end of what it said on standard error.
    std::string ending() const {
        std::string text = WIFSIGNALED(status_)
                               ? "SIG" + std::string(sigabbrev_np(WTERMSIG(status_))) + " while loading"
                               : "called exit(" + std::to_string(WEXITSTATUS(status_)) + ") while loading";
        std::string_view said = streams_[1].text;
        while (said.ends_with('\n')) said.remove_suffix(1);
        if (!said.empty()) text += ": " + printable(said.substr(said.rfind('\n') + 1));
        return text;
    }

private:
    struct Stream {
        int descriptor = -1;
        std::string text;
    };

    [[noreturn]] static void fail(const std::string& what, int error) {
        throw std::system_error(error, std::generic_category(), what);
    }

    void read_some(std::chrono::milliseconds wait) {
        pollfd ready[] = {{streams_[0].descriptor, POLLIN, 0}, {streams_[1].descriptor, POLLIN, 0}};
        poll(ready, 2, static_cast<int>(wait.count()));
        const bool both_closed = (ready[0].revents & ready[1].revents & POLLHUP) != 0;
        bool got_any = false;
        for (Stream& stream : streams_) {
            char buffer[4096];
            for (ssize_t n; (n = read(stream.descriptor, buffer, sizeof buffer)) > 0;) {
                got_any = true;
                if (stream.text.size() < kMaxReport) stream.text.append(buffer, static_cast<std::size_t>(n));
            }
        }
        if (both_closed && !got_any) usleep(1000);  // poll() no longer waits
    }

    pid_t id_ = -1;
    int status_ = 0;
    bool timed_out_ = false;
    std::array<Stream, 2> streams_;
};

}  // namespace

void report_verify_load(const std::filesystem::path& path) {
    verify_load(path, [](const CheckResult& result) { write_line(kReportDescriptor, result); });
}

std::vector<CheckResult> verify_load_in_child(const std::filesystem::path& program, const std::filesystem::path& path,
                                              std::chrono::milliseconds limit) {
    Child child(program, path);
    child.finish(Clock::now() + limit);
    std::vector<CheckResult> results = parsed(child.report());
    if (results.size() >= kCount) return results;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit).count();
    const std::string reason =
        child.timed_out() ? "did not finish loading in " + std::to_string(seconds) + " s" : child.ending();
    for (bool first = true; results.size() < kCount; first = false) {
        const std::string id = "L0" + std::to_string(results.size() + 1);
        if (first) {
            results.push_back({id, Verdict::fail, reason, "static initialisers and dv_plugin_entry do no work"});
        } else {
            results.push_back({id, Verdict::skip, "an earlier check failed", ""});
        }
    }
    return results;
}

}  // namespace dvhost::registry

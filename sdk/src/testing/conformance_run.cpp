#include <dv/testing/conformance.hpp>

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <system_error>

namespace dv::testing {
namespace {

constexpr const char* kWords[] = {"pass", "fail", "skip"};

/// One line: new lines of a reason become blanks.
std::string one_line(std::string text) {
    std::ranges::replace(text, '\n', ' ');
    return text;
}

void print(std::string_view component, const CheckResult& result) {
    std::cout << kWords[static_cast<int>(result.verdict)] << ' ' << component << ' ' << result.id;
    if (!result.reason.empty()) std::cout << ": " << one_line(result.reason);
    std::cout << std::endl;
}

/// Runs in the child. Tells the parent, through the pipe, which check is running and at the end how many failed.
[[noreturn]] void run_child(int pipe, const Subject& subject, const ConformanceOptions& options) {
    const auto tell = [pipe](std::string text) {
        text += '\n';
        if (write(pipe, text.data(), text.size()) < 0) _exit(2);
    };
    std::size_t failed = 0;
    Checks check(
        [&](std::string_view id) {
            tell(std::string(id));
            alarm(static_cast<unsigned>(options.seconds_per_check));
        },
        [&](const CheckResult& result) {
            alarm(0);
            failed += result.verdict == Verdict::fail ? 1 : 0;
            print(subject.note().id, result);
        });
    check_life(subject, check);
    const auto suite = std::ranges::find(options.suites, subject.note().iface, &Suite::iface);
    check("suite", [&] {
        if (suite == options.suites.end()) skip("there is no suite for ", subject.note().iface);
    });
    if (suite != options.suites.end()) suite->run(subject, check);
    std::cout.flush();
    _exit(failed == 0 ? 0 : 1);  // what the plugin leaves running or registered does not matter any more
}

std::string last_line_of(int pipe) {
    std::string all;
    char buffer[512];
    for (ssize_t n; (n = read(pipe, buffer, sizeof buffer)) != 0;) {
        if (n > 0) all.append(buffer, static_cast<std::size_t>(n));
        if (n < 0 && errno != EINTR) break;
    }
    if (all.ends_with('\n')) all.pop_back();
    return all.substr(all.rfind('\n') + 1);
}

/// True when every check passed or was skipped.
bool run_component(const Subject& subject, const ConformanceOptions& options) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    std::cout.flush();
    const pid_t child = fork();
    if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (child == 0) {
        close(ends[0]);
        run_child(ends[1], subject, options);
    }
    close(ends[1]);
    const std::string running = last_line_of(ends[0]);
    close(ends[0]);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) <= 1) return WEXITSTATUS(status) == 0;
    std::string reason = cat("the plugin ended the process with code ", WEXITSTATUS(status));
    if (WIFSIGNALED(status)) {
        const int signal = WTERMSIG(status);
        reason = signal == SIGALRM ? cat("did not finish within ", options.seconds_per_check, " s")
                                   : cat("crashed: ", strsignal(signal));
    }
    print(subject.note().id, {Verdict::fail, running, reason});
    return false;
}

}  // namespace

int run_conformance(const std::filesystem::path& file, const ConformanceOptions& options) {
    Plugin plugin(file);  // read, not loaded: the children do that
    for (const auto& further : options.with) plugin.with(further);
    bool good = true;
    for (const ComponentNote& note : plugin.notes()) {
        if (!options.component.empty() && &note != &plugin.note(options.component)) continue;
        good = run_component(Subject(plugin, note, options.config), options) && good;
    }
    return good ? 0 : 1;
}

}  // namespace dv::testing

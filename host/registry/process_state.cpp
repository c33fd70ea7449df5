#include "registry/process_state.hpp"

#include <c10/core/DefaultDtype.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/ScalarType.h>

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xmmintrin.h>

#include <cfenv>
#include <clocale>
#include <cstdio>
#include <filesystem>

extern "C" char** environ;

namespace dvhost::registry {
namespace {

namespace fs = std::filesystem;

void add_environment(ProcessState& out) {
    for (char** entry = environ; entry && *entry; ++entry) {
        const std::string text = *entry;
        const std::size_t equals = text.find('=');
        out["environment variable " + text.substr(0, equals)] = text.substr(std::min(equals, text.size() - 1) + 1);
    }
}

void add_signals(ProcessState& out) {
    for (int number = 1; number < NSIG; ++number) {
        struct sigaction action {};
        if (sigaction(number, nullptr, &action) != 0) continue;
        char text[32];
        std::snprintf(text, sizeof text, "%p", reinterpret_cast<void*>(action.sa_handler));
        out["handler of signal " + std::to_string(number)] = text;
    }
}

void add_files(ProcessState& out) {
    const auto folder = std::unique_ptr<DIR, int (*)(DIR*)>(opendir("/proc/self/fd"), &closedir);
    if (!folder) return;
    const std::string own = std::to_string(dirfd(folder.get()));
    while (const dirent* entry = readdir(folder.get())) {
        const std::string name = entry->d_name;
        if (name == "." || name == ".." || name == own) continue;
        std::error_code ignored;
        out["open file " + name] = fs::read_symlink("/proc/self/fd/" + name, ignored).string();
    }
}

int count_threads() {
    int n = 0;
    std::error_code ignored;
    for (fs::directory_iterator it("/proc/self/task", ignored), end; it != end; it.increment(ignored)) ++n;
    return n;
}

mode_t current_umask() {
    const mode_t mask = umask(022);
    umask(mask);
    return mask;
}

}  // namespace

ProcessState process_state() {
    ProcessState out;
    std::error_code ignored;
    out["working directory"] = fs::current_path(ignored).string();
    out["umask"] = std::to_string(current_umask());
    out["locale"] = std::setlocale(LC_ALL, nullptr);
    out["threads"] = std::to_string(count_threads());
    out["rounding mode"] = std::to_string(std::fegetround());
    out["floating-point control"] = std::to_string(_mm_getcsr() & ~0x3Fu);  // without the flags of past operations
    out["floating-point traps"] = std::to_string(fegetexcept());
    out["LibTorch grad mode"] = c10::GradMode::is_enabled() ? "on" : "off";
    out["LibTorch inference mode"] = c10::InferenceMode::is_enabled() ? "on" : "off";
    out["LibTorch default dtype"] = c10::toString(c10::get_default_dtype_as_scalartype());
    add_environment(out);
    add_signals(out);
    add_files(out);
    return out;
}

std::vector<std::string> changes(const ProcessState& before, const ProcessState& after) {
    std::vector<std::string> out;
    const auto value = [](const ProcessState& state, const std::string& name) {
        const auto found = state.find(name);
        return found == state.end() ? std::string("none") : found->second;
    };
    for (const auto& [name, old_value] : before) {
        if (value(after, name) != old_value) {
            out.push_back(name + ": " + old_value + " before, " + value(after, name) + " after");
        }
    }
    for (const auto& [name, new_value] : after) {
        if (!before.contains(name)) out.push_back(name + ": none before, " + new_value + " after");
    }
    return out;
}

}  // namespace dvhost::registry

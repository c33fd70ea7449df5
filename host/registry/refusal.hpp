#pragma once
/// Why a plugin (file or component) cannot be used.

#include <stdexcept>
#include <string>

namespace dvhost {

/// Exit codes of the program; `dvhost --help` lists them for people.
enum class ExitCode {
    ok = 0,
    usage = 64,
    manifest = 65,
    not_found = 66,   ///< a file is absent or cannot be read
    rejected = 67,    ///< a plugin's format, ABI or fingerprint
    initialise = 68,  ///< init, create or open of a component failed
    running = 69,     ///< a component failed while running
    crashed = 70,
    timed_out = 75,
    interrupted = 130,
    terminated = 143,
};

namespace registry {

struct Refusal : std::runtime_error {
    Refusal(std::string file_path, std::string reason_text, ExitCode exit_code)
        : std::runtime_error(file_path + ": " + reason_text),
          file(std::move(file_path)),
          reason(std::move(reason_text)),
          code(exit_code) {}
    std::string file, reason;
    ExitCode code;
};

}  // namespace registry
}  // namespace dvhost

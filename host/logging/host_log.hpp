#pragma once
/// The host's own log: one line per event on the console, and all of it in the run folder.

#include "logging/console.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

namespace spdlog {
class logger;
}

namespace dvhost::logging {

class HostLog {
public:
    /// Lines of at least `console_level` (dv_log_level) go to the console.
    HostLog(Console& console, std::int32_t console_level);
    ~HostLog();

    /// `level` is a dv_log_level; `who` (a component's id, or "") stands before the message. [any]
    void log(std::int32_t level, std::string_view who, std::string_view message);
    void info(std::string_view message) { log(2, {}, message); }
    void warn(std::string_view message) { log(3, {}, message); }
    void error(std::string_view message) { log(4, {}, message); }

    /// From now on every line, debug included, also goes to `file`, with a time. A file that cannot be written is warned of once.
    void keep_in(const std::filesystem::path& file);

private:
    std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace dvhost::logging

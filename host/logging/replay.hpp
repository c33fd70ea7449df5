#pragma once
/// What a process left in its spool, handed to loggers after the fact.

#include "logging/sinks.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace dvhost::logging {

/// A logger made anew where the old one stood.
struct ReplayedLogger {
    LoggerEntry entry;
    Cursor cursor;
};

struct Replay {
    std::uint64_t rows = 0;               ///< that some logger had not had
    std::vector<LoggerFailure> failures;  ///< what it lost is still in the spool
};

/// Gives each logger everything from its cursor on, in order, then finalize(outcome). A row that the kill tore is given as far as it
/// reaches. The folder goes away when all of it is delivered; otherwise it keeps what failed. The caller holds the SpoolLock. `manifest`
/// may be null when no hyper-parameters wait.
Replay replay(const SpoolFolder& folder, std::vector<ReplayedLogger> loggers, const dv_config* manifest, const std::string& outcome,
              const Sinks::Warn& warn);

}  // namespace dvhost::logging

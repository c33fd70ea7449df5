#pragma once
/// The loggers of a run that is over, made anew where they stood, with nothing else of the run.

#include "compose/assembler.hpp"
#include "compose/services.hpp"
#include "logging/host_log.hpp"
#include "logging/replay.hpp"
#include "manifest/node.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace dvhost::compose {

/// Hands the loggers of a run what its process left behind (logging::replay), and ends the run with `outcome`, unless it has ended with
/// another one. Reads `<run_dir>/config.toml`. Does nothing when nothing is left. Throws dv::IoError when the process is still there,
/// manifest::ManifestError, CreateError, CheckError, registry::Refusal.
logging::Replay deliver_what_is_left(const std::filesystem::path& run_dir, const std::string& outcome, registry::Registry& plugins,
                                     logging::Console& console, logging::HostLog& log);

class LoggerSet {
public:
    /// `manifest` is a resolved one, as a run keeps it, and must outlive this object. Loggers without a cursor in `spool` are not made.
    /// Throws CreateError, CheckError, registry::Refusal.
    LoggerSet(const manifest::Node& manifest, const std::filesystem::path& run_dir, const logging::SpoolFolder& spool,
              registry::Registry& plugins, logging::Console& console, logging::HostLog& log);
    /// All of them, from the beginning.
    LoggerSet(const manifest::Node& manifest, const std::filesystem::path& run_dir, registry::Registry& plugins,
              logging::Console& console, logging::HostLog& log);
    LoggerSet(const LoggerSet&) = delete;
    LoggerSet& operator=(const LoggerSet&) = delete;

    /// To be replayed, and gone before this object.
    std::vector<logging::ReplayedLogger> take() { return std::move(loggers_); }
    /// The same without where they stood.
    std::vector<logging::LoggerEntry> entries() const;
    /// Labels of those that cannot be continued.
    const std::vector<std::string>& left_alone() const { return left_alone_; }

private:
    using Cursors = std::vector<std::optional<logging::Cursor>>;
    void make(const Cursors& cursors, registry::Registry& plugins);

    Services services_;
    registry::Boundary boundary_;
    Assembler assembler_;
    manifest::Node tables_;  // components keep views of them
    std::vector<logging::ReplayedLogger> loggers_;
    std::vector<std::string> left_alone_;
};

}  // namespace dvhost::compose

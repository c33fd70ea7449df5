#pragma once
/// A host for one test: everything a component may ask of a host, answered in memory and kept for looking at.

#include <dv/abi.h>
#include <dv/testing/config.hpp>

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace dv::testing {

struct LogLine {
    std::int32_t level = 0;  ///< dv_log_level
    std::string component, text;
};

struct Failure {
    std::int32_t code = DV_OK;
    std::string plugin, component, hook, text;
};

struct SavedCheckpoint {
    std::filesystem::path path;
    bool weights_only = false;
    bool requested = false;  ///< through dv.checkpoint's request(), and written later
};

/// What `--ckpt best` and `--ckpt last` mean.
struct Announced {
    std::string best, last;
};

/// What the fake console was asked to show.
struct Shown {
    bool interactive = true;  ///< settable
    std::int32_t width = 80;  ///< settable
    std::string status;
    std::vector<std::string> printed;
};

struct Clock {
    double monotonic = 0.0;  ///< [s]
    double wall = 1.7e9;     ///< [s] since 1970-01-01 UTC
};

/// Offers dv.error, dv.paths, dv.clock, dv.rng, dv.console, dv.checkpoint and, once a Plugin uses it, dv.factory.
/// Functions called through a dv_host are safe from any thread; everything else belongs to the test's thread.
class Host {
public:
    Host();
    ~Host();  ///< removes the temporary folders
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    std::uint64_t seed = 42;
    Clock clock;
    Shown console;

    /// Under a fresh temporary folder, made when it is first asked for.
    std::filesystem::path run_dir() const { return folders().run; }
    std::filesystem::path cache_dir() const { return folders().cache; }

    /// A component's own dv_host, valid as long as this Host. `place` keys its random draws ("model",
    /// "model.V1.recurrence").
    const dv_host* for_component(std::string plugin, std::string component, std::string place);
    static std::string place_of(const dv_host& host);

    const std::vector<LogLine>& log() const { return log_; }
    /// All log lines of at least `level`, one a line.
    std::string log_text(dv_log_level level = DV_LOG_DEBUG) const;
    const std::vector<SavedCheckpoint>& checkpoints() const { return checkpoints_; }
    const Announced& announced() const { return announced_; }
    /// Does what dv.checkpoint's request() and remove() asked for, in order; after a failed write nothing is removed. Handles of
    /// callbacks call it after each phase, unless `holds_checkpoints`.
    void settle_checkpoints();

    /// The failure that was last reported on this thread.
    Failure last_failure() const;
    void forget_failure();

    /// Breadcrumbs: how many hooks are entered and not left, over all threads; how many were left out of order; the
    /// names of all that were entered, in order.
    std::size_t open_hooks() const;
    std::size_t misplaced_leaves() const { return misplaced_leaves_; }
    std::vector<std::string> hooks() const { return {hooks_.begin(), hooks_.end()}; }

    /// From now on this host does not offer the extension ("dv.checkpoint").
    void withhold(std::string extension) { withheld_.insert(std::move(extension)); }
    /// Set: this host continues an earlier run, and dv.resume gives this.
    std::optional<std::string> resume_position;
    /// The next calls of dv.checkpoint fail with this text; empty: they succeed again.
    std::string checkpoint_failure;
    /// Requested checkpoints are on disk only after settle_checkpoints().
    bool holds_checkpoints = false;
    /// What dv.checkpoint's resumed_from() gives.
    std::string resumed_from;
    /// 0: dv.checkpoint ends where it did in the first hosts.
    std::uint32_t minor = DV_ABI_MINOR;

    /// How nested components are made; set by Plugin.
    using Create = std::function<void(const dv_host& owner, std::string_view iface, const Value& table,
                                      std::string_view name, dv_child& out)>;
    using Destroy = std::function<void(dv_child&)>;
    void set_factory(Create create, Destroy destroy);

private:
    struct Seat;   // one component's dv_host with its extensions
    struct Table;  // the C functions

    struct Trail {
        std::vector<std::pair<std::uint64_t, const char*>> hooks;
        Failure failure;
    };

    struct Folders {
        std::filesystem::path root;
        std::string run, cache;
    };
    const Folders& folders() const;
    void report(const Seat& seat, std::int32_t code, std::string_view text);
    bool write_checkpoint(const SavedCheckpoint& checkpoint);
    dv_status save_checkpoint(const Seat& seat, std::string_view path, bool weights_only);

    struct Pending {
        SavedCheckpoint file;
        bool remove = false;
    };

    mutable Folders folders_;
    mutable std::once_flag folders_made_;
    std::deque<std::unique_ptr<Seat>> seats_;
    std::vector<LogLine> log_;
    std::vector<SavedCheckpoint> checkpoints_;
    std::vector<Pending> pending_;
    Announced announced_;
    std::vector<const char*> hooks_;
    std::map<std::thread::id, Trail> trails_;
    std::uint64_t next_token_ = 1;
    std::size_t misplaced_leaves_ = 0;
    std::set<std::string, std::less<>> withheld_;
    Create create_;
    Destroy destroy_;
    mutable std::mutex mutex_;
};

}  // namespace dv::testing

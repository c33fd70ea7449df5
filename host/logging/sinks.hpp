#pragma once
/// The loggers of a run as one: each gets everything, in order, and one that fails does not disturb the others. One thread at a time,
/// except where said.

#include "logging/patience.hpp"
#include "logging/spool.hpp"

#include <dv/logger.hpp>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace dvhost::logging {

/// A logger of the manifest and how much it is trusted to matter.
struct LoggerEntry {
    std::shared_ptr<dv::Logger> logger;
    std::string label;      ///< "dvhost.logger.csv (logger.0)"
    bool required = false;  ///< its first failure stops the run
    int max_errors = 3;     ///< in a row; then it is switched off
    std::string place = {};  ///< "logger.0", names its cursor; empty: by its number in the list
};

/// A logger that failed, for the end of the run.
struct LoggerFailure {
    std::string label;
    std::string text;            ///< its last error
    std::uint64_t lost_rows = 0;
    bool switched_off = false;
    bool kept = false;           ///< what it lost is in the spool, for `dvhost logs sync`

    /// As a line for the end of the run in this folder.
    std::string line(const std::filesystem::path& run) const;
};

class Sinks {
public:
    using Warn = std::function<void(const std::string&)>;
    using NameOf = std::function<std::string_view(const Record& number)>;

    Sinks(std::vector<LoggerEntry> loggers, Warn warn);

    bool empty() const { return sinks_.empty(); }

    /// Hands over one item of the spool; `place` is its own. `manifest` may be null when nothing asks for it.
    void deliver(const Item& item, Place place, const NameOf& name_of, const dv_config* manifest);
    void row(const dv::Row& row);
    /// Before everything else: the run goes on from a checkpoint.
    void resume(const dv_resume& from);

    /// A first cursor for each logger that can be resumed.
    void begin_cursors(const SpoolFolder& folder);
    /// Flushes each logger that has lost nothing and moves its cursor behind `place`, up to which everything has been delivered.
    void move_cursors(const SpoolFolder& folder, Place place);
    /// Items before a logger's cursor are not handed to it any more; a logger without one gets none.
    void continue_from(const std::vector<std::optional<Cursor>>& cursors);
    /// Before this nobody needs anything.
    Place needed_from(Place delivered) const;

    /// flush() and finalize(outcome), each logger on a thread of its own, so that none waits for another. Loggers that have not come
    /// back when `patience` ends are given up.
    void finish(const std::string& outcome, const Patience& patience);
    /// Instead of finish(), when a call of another thread has not come back: no logger is called any more, and all have lost something.
    /// [any]
    void give_up(const Patience& patience);
    /// Some logger was given up and may still be in a call: the destructor waits for it. [any]
    bool is_stuck() const;
    /// After finish(): takes away the cursors of those that have everything. True when none is left.
    bool remove_cursors(const SpoolFolder& folder);
    std::vector<LoggerFailure> failures() const;

    /// Throws dv::Error once a required logger has failed. [any]
    void throw_if_required_failed() const;

private:
    enum class Loses { nothing, something, a_row };  // by a failure

    struct Sink {
        LoggerEntry entry;
        bool skips_everything = false;
        Place begin;  // of what it gets
        // Under mutex_:
        LoggerFailure failure;
        int errors_in_row = 0;
        bool lost_something = false;
        bool is_busy = false;   // in a call
        bool given_up = false;  // what it does from now on counts no more
        bool has_ended = false;
        std::optional<Cursor> cursor;  // as on disk
    };
    using Hook = std::function<void(dv::Logger&)>;
    using Warnings = std::vector<std::string>;

    bool call(Sink& sink, Loses loses, const Hook& hook);
    bool begin_call(Sink& sink, Loses loses);
    void call_all(Place place, Loses loses, const Hook& hook);
    Warnings note_failure(Sink& sink, Loses loses, const std::string& text);
    void give_up(Sink& sink, const std::string& reason);
    bool is_sound(const Sink& sink, Place place) const;
    void write_cursor(Sink& sink, const SpoolFolder& folder, Place place);
    void deliver_row(const Item& item, Place place, const NameOf& name_of);
    void deliver_note(const Item& item, Place place);

    std::vector<Sink> sinks_;
    Warn warn_;
    bool warned_of_cursors_ = false;
    std::vector<dv_metric> metrics_;  // kept for its memory
    mutable std::mutex mutex_;        // guards required_failure_ and what is said of Sink
    std::string required_failure_;
    std::atomic<bool> required_failed_{false};
    std::condition_variable ended_;
    std::vector<std::jthread> ends_;  // last: they use what is above
};

}  // namespace dvhost::logging

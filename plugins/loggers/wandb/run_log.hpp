#pragma once
/// One run of W&B as its offline folder: offline-run-<date>_<time>-<id>/run-<id>.wandb and files/.

#include "records.hpp"
#include "transaction_log.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace wandb {

enum class FileKind : std::int64_t { other = 0, media = 2 };  // as in W&B's FilesItem

/// One thread at a time. Every function throws dv::IoError as AppendFile does; what was added then waits.
class RunLog {
public:
    /// A new folder below `above`, begun with header, run, environment and the rule of the step metric.
    RunLog(const std::filesystem::path& above, RunFacts facts, double patience);
    /// Goes on where position() was taken; what is behind it is cut off. Throws dv::IoError, dv::Error when it is no
    /// position.
    RunLog(const std::filesystem::path& above, std::string_view position, double patience);

    /// A value of the configuration; `value` is JSON.
    void config(std::string_view name, std::string_view value, double now);

    /// A row: put() its values between begin and end. Rows are counted; that count is W&B's step.
    void begin_row() { row_.clear(); }
    /// `value` is JSON. A name comes once in a row: the last value counts.
    void put(std::string_view name, std::string_view value);
    /// Throws dv::Error that names the longest value, and leaves the row out, when the row is longer than W&B's server
    /// takes.
    void end_row(std::int64_t step, double wall_time);

    /// A file below files/, which `wandb sync` uploads.
    void file(std::string_view path, FileKind kind, double now);
    /// Writes what has changed of the summary: the last value of every name.
    void write_summary(double now);
    /// The same when it is due, or short: what a kill leaves should have its summary, and not be made of summaries.
    void write_summary_when_due(double now);
    /// The last records: summary, exit code.
    void exit(int code, double now);

    /// Text for the second constructor, once all that waits has been written.
    std::string position() const;
    void sync() { log_.file().sync(); }
    const std::filesystem::path& folder() const { return folder_; }
    std::int64_t n_rows() const { return n_rows_; }

private:
    struct Key {
        std::string name;
        std::string head;       ///< everything of an item but its value
        std::string last;       ///< the newest value, JSON
        bool changed = false;   ///< since the last summary
        std::int64_t row = -1;  ///< the newest row that has it
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };

    void refuse_long_row();
    Key& key_of(std::string_view name);
    void put_number(std::string_view name, double value);
    template <class Write>
    void add(Content content, double now, Write&& write) {
        log_.add(record(++number_, content, write), now, patience_);
    }
    void begin(const RunFacts& facts);
    double runtime(double wall_time);

    std::filesystem::path folder_;
    TransactionLog log_;
    double patience_, start_time_, last_runtime_ = 0, last_summary_;
    std::int64_t number_ = 0, n_rows_ = 0;
    std::unordered_map<std::string, Key, Hash, std::equal_to<>> keys_;
    std::vector<Key*> changed_;
    std::vector<Key*> row_;  // of the row in hand
    std::string scratch_;    // kept for its memory
};

/// The newest run folder below `above` and the id of its run; nothing when there is none.
std::optional<std::string> newest_id(const std::filesystem::path& above);

}  // namespace wandb

#pragma once
/// Everything a run logs, between the training thread that appends and the log thread that reads. On disk where there is a run
/// folder, so that it outlives the process; docs/logging.md has the layout.

#include "logging/note.hpp"
#include "logging/segment.hpp"
#include "logging/spool_folder.hpp"
#include "logging/tag_table.hpp"
#include "loops/metric_sink.hpp"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dvhost::logging {

/// When more waits than there is to be.
enum class OnFull { grow, block, drop_oldest, downsample };

struct SpoolOptions {
    std::filesystem::path folder;      ///< made if need be; empty: memory
    OnFull on_full = OnFull::grow;
    std::size_t segments = 64;         ///< that may wait, of 1 MiB each
};

/// What one call logged. Borrowed until the next read().
struct Item {
    const Segment* segment;
    std::span<Record> records;  ///< the head first

    const Record& head() const { return records.front(); }
};

/// One thread appends [step], one reads [io].
class Spool {
public:
    using Warn = std::function<void(const std::string&)>;

    /// Where the folder cannot be used, warns and uses memory.
    Spool(SpoolOptions options, Warn warn);
    ~Spool();
    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;

    /// A row, its numbers known. No allocation, lock or system call while names and segment stay the same. [step]
    void row(const loops::Names& names, std::span<const double> values, std::int64_t step, std::int64_t epoch);
    /// A row whose numbers read() asks for when it gets there. [step]
    void row(const loops::Names& names, loops::Values values, std::int64_t step, std::int64_t epoch);
    void note(const Note& note, std::int64_t step);  ///< [step]
    /// kHyperparameters or kFlush. [step]
    void mark(Head head);

    /// The next item, in order; nothing: all is read. Rows that cannot be computed are left out with a warning. [io]
    std::optional<Item> read();
    /// Behind what was read last. [io]
    Place place() const { return {reading_number_, read_index_}; }
    std::string_view name(const Record& number) { return tags_->name(tag_of(number)); }  ///< [io]
    /// What lies before `place` is not needed any more. [io]
    void release(Place place);
    /// Makes segments, and room for them, ahead, so that the training thread need not. [io]
    void prepare();

    /// Rows that found no room, since the beginning. [any]
    std::uint64_t dropped_rows() const { return dropped_rows_.load(std::memory_order_relaxed); }
    /// Null when the spool is in memory.
    const SpoolFolder* folder() const { return folder_ ? &*folder_ : nullptr; }
    /// Takes the folder away. Afterwards nothing may be appended. [io]
    void remove_folder();

private:
    struct Live {
        std::uint64_t number;
        std::unique_ptr<Segment> segment;
        std::vector<loops::Values> values;  // of its waiting rows, in order
        std::size_t n_asked = 0;            // of these
    };

    Record* reserve(std::uint32_t n_records, bool may_be_dropped);
    bool next_segment(std::uint32_t n_records, bool may_be_dropped);
    bool make_room(std::unique_lock<std::mutex>& lock, bool may_be_dropped);
    bool is_thinned_out();
    void drop_oldest();
    std::unique_ptr<Segment> new_segment(std::uint32_t n_records);
    void put_row(Record* row, const loops::Names& names, std::span<const double> values, std::int64_t step, std::int64_t epoch,
                 Head head);

    bool next_to_read();
    bool resolve(std::span<Record> row);
    std::size_t count_waiting() const;

    const SpoolOptions options_;
    const Warn warn_;
    std::optional<SpoolFolder> folder_;
    std::optional<SpoolLock> lock_;
    std::optional<TagTable> tags_;

    // [step]
    Segment* writing_ = nullptr;
    std::uint32_t used_ = 0;
    std::uint64_t next_number_ = 0;
    std::uint64_t rows_while_full_ = 0;
    bool warned_ = false;

    // [io]
    Segment* reading_ = nullptr;
    std::uint64_t reading_number_ = 0;
    std::uint32_t read_index_ = 0;

    std::mutex mutex_;  // guards live_ and spares_
    std::condition_variable room_;
    std::vector<Live> live_;  // oldest first: read but not released, being read, waiting, being written
    std::vector<std::unique_ptr<Segment>> spares_;
    std::uint64_t read_up_to_ = 0;  // reading_number_, for the training thread
    std::atomic<std::size_t> n_waiting_{0};
    std::atomic<std::uint64_t> dropped_rows_{0};
    std::atomic<std::uint64_t> next_file_{0};  // names for segments' files
};

}  // namespace dvhost::logging

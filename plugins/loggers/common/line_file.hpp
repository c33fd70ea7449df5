#pragma once
/// A text file that holds whole lines only. One thread at a time.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace loggers {

/// Lines are gathered and handed to the system together. When writing fails, the file is cut back to its last whole
/// line, the lines that found no room keep waiting, and the next write tries them again: nothing is torn, nothing is
/// lost, nothing is there twice.
class LineFile {
public:
    /// Opens the file, or makes it and the folders above it. At most `gather` lines wait before they are written. What the file
    /// holds stays until it is cut, at the latest to nothing by the first line. Throws dv::IoError, also when somebody else is
    /// writing the file.
    LineFile(std::filesystem::path path, std::int64_t gather);
    /// Writes what waits, if it can; whoever wants to know whether it could calls write() before.
    ~LineFile();
    LineFile(const LineFile&) = delete;
    LineFile& operator=(const LineFile&) = delete;

    /// Goes on behind the first `bytes` of what was there; before the first line. Throws dv::IoError, also when there are not
    /// so many.
    void cut(std::uint64_t bytes);
    const std::filesystem::path& path() const { return path_; }
    /// Whether the file holds anything that will be lost with the first line.
    bool would_replace() const;

    /// Takes lines, each with its "\n". They are written at once when the last write lies more than a second back by
    /// `wall_time` [s], so that a slow run is always up to date on disk; otherwise when enough of them wait.
    /// Throws dv::IoError as write() does; the lines are then among those that wait.
    void add(std::string_view lines, double wall_time);

    /// Writes all lines that wait. Throws dv::IoError with path and reason.
    void write();
    /// write(), and returns when the disk has it.
    void sync();

    /// Bytes of whole lines in the file; all lines, after write().
    std::uint64_t size() const { return size_; }

    /// Replaces the file's content by `head` and what `line` makes of each line behind the first `skip` bytes. It goes
    /// through `<path>.tmp` and a rename: a reader, or a crash, finds the old content or the new one. Lines that wait
    /// are written before. Throws dv::IoError; the old content is then still in place.
    using MapLine = std::function<void(std::string_view line, std::string& out)>;
    void rewrite(std::string_view head, std::uint64_t skip, const MapLine& line);

private:
    void cut_torn_line();
    [[noreturn]] void fail(const char* what, int reason) const;

    std::filesystem::path path_;
    std::int64_t gather_;
    int file_;
    bool regular_ = true;     // false: a device or a pipe, which cannot be cut
    std::uint64_t size_ = 0;  // bytes of whole lines in the file
    bool is_cut_ = false;     // what was there before is gone
    bool torn_ = false;       // there may be bytes behind size_
    std::string waiting_;
    std::int64_t n_waiting_ = 0;
    double last_write_;  // by the rows' wall time
};

}  // namespace loggers

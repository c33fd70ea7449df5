#pragma once
/// A new binary file that only grows. One thread at a time.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace loggers::wire {

/// Bytes are gathered and written together. What the disk did not take keeps waiting and is written by the next write,
/// from the byte on where the last one stopped: the file is at every moment a beginning of what was added, and nothing
/// is in it twice. A reader that meets its end inside a record waits for the rest.
class AppendFile {
public:
    /// Makes the file and the folders above it. Throws dv::IoError, also when the file exists already.
    explicit AppendFile(std::filesystem::path path);
    /// Goes on with a file that a dead process has left, from byte `size` on; what stands behind it is cut off. Throws
    /// dv::IoError, also when the file is shorter.
    AppendFile(std::filesystem::path path, std::uint64_t size);
    /// Writes what waits, if it can; whoever wants to know whether it could calls write() before.
    ~AppendFile();
    AppendFile(const AppendFile&) = delete;
    AppendFile& operator=(const AppendFile&) = delete;

    /// Takes bytes; they are written once `kGather` of them wait. Append to it, then call `added()`.
    std::string& waiting() { return waiting_; }
    std::size_t waits() const { return waiting_.size(); }
    /// Writes when enough waits, or when the last write lies `patience` [s] back by the clock `now` [s]. Throws
    /// dv::IoError as write() does; the bytes then wait on.
    void added(double now, double patience);

    /// Writes all that waits. Throws dv::IoError with path and reason.
    void write();
    /// write(), and returns when the disk has it. Throws dv::IoError also when somebody has removed the file.
    void sync();

    const std::filesystem::path& path() const { return path_; }
    /// Bytes added so far, written or waiting.
    std::uint64_t size() const { return written_ + waiting_.size(); }

    static constexpr std::size_t kGather = std::size_t{1} << 16;  ///< bytes

private:
    [[noreturn]] void fail(const char* what, int reason) const;

    std::filesystem::path path_;
    int file_;
    std::string waiting_;
    std::uint64_t written_ = 0;
    double last_write_;  // by the caller's clock
};

}  // namespace loggers::wire

#include "line_file.hpp"

#include <dv/error.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <limits>
#include <system_error>
#include <utility>

namespace loggers {

namespace {

constexpr double kSlow = 1.0;                         // [s] between writes at which gathering stops paying
constexpr std::size_t kChunk = std::size_t{1} << 16;  // bytes read or written at a time while rewriting

[[noreturn]] void throw_io(const std::filesystem::path& path, const std::string& what, int reason) {
    throw dv::IoError(what + " '" + path.string() + "': " + std::generic_category().message(reason));
}

/// As many of `text`'s bytes as go; the rest failed for `errno`.
std::size_t write_bytes(int file, std::string_view text) {
    std::size_t done = 0;
    while (done < text.size()) {
        const ssize_t n = ::write(file, text.data() + done, text.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) break;
        done += static_cast<std::size_t>(n);
    }
    return done;
}

/// An open file that belongs to this LineFile alone. Two loggers with one file would tear each other's lines.
int open_alone(const std::filesystem::path& path) {
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0) throw_io(path, "cannot open", errno);
    if (::flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        ::close(file);
        throw dv::IoError("'" + path.string() + "' is being written by another logger; give this one a 'path' or a 'name' of its own");
    }
    return file;
}

/// 0, or the reason why the disk does not have it. What cannot be synced (a device) needs no syncing.
int sync_file(int file) {
    while (::fsync(file) != 0) {
        if (errno == EINTR) continue;
        return errno == EINVAL || errno == ENOTSUP || errno == EROFS ? 0 : errno;
    }
    return 0;
}

/// A rename is safe once the folder is on disk.
void sync_folder(const std::filesystem::path& folder) {
    const int file = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return;  // a folder that may be entered but not read: the rename holds, only its moment is the system's
    sync_file(file);
    ::close(file);
}

/// A new content beside the old one; gone again unless it took its place.
class Replacement {
public:
    explicit Replacement(const std::filesystem::path& target)
        : target_(target), path_(target.string() + ".tmp"), file_(open_alone(path_)) {
        if (::ftruncate(file_, 0) == 0) return;
        const int reason = errno;
        ::close(file_);
        throw_io(path_, "cannot empty", reason);
    }
    ~Replacement() {
        if (file_ < 0) return;
        ::close(file_);
        ::unlink(path_.c_str());
    }
    Replacement(const Replacement&) = delete;
    Replacement& operator=(const Replacement&) = delete;

    std::string text;  ///< appended to; written by put_when_full() and finish()

    void put_when_full() {
        if (text.size() >= kChunk) put();
    }
    /// Takes the target's place. Returns the open file and its size.
    std::pair<int, std::uint64_t> finish() {
        put();
        if (const int reason = sync_file(file_)) throw_io(path_, "cannot write", reason);
        if (::rename(path_.c_str(), target_.c_str()) != 0) throw_io(target_, "cannot replace", errno);
        sync_folder(target_.parent_path());
        return {std::exchange(file_, -1), size_};
    }

private:
    void put() {
        const std::size_t n = write_bytes(file_, text);
        if (n < text.size()) throw_io(path_, "cannot write", errno);
        size_ += n;
        text.clear();
    }

    const std::filesystem::path target_, path_;
    int file_;
    std::uint64_t size_ = 0;
};

}  // namespace

LineFile::LineFile(std::filesystem::path path, std::int64_t gather)
    : path_(std::move(path)), gather_(gather), last_write_(-std::numeric_limits<double>::infinity()) {
    std::error_code failed;
    if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path(), failed);
    if (failed) throw_io(path_.parent_path(), "cannot make the folder", failed.value());
    file_ = open_alone(path_);
    struct stat facts {};
    regular_ = ::fstat(file_, &facts) == 0 && S_ISREG(facts.st_mode);
    const auto real = std::filesystem::canonical(path_, failed);  // a rename must not take the place of a link
    if (!failed) path_ = real;
}

LineFile::~LineFile() {
    try {
        write();
    } catch (const std::exception&) {
        // Reported by the write() before; there is nobody left to tell.
    }
    ::close(file_);
}

void LineFile::cut(std::uint64_t bytes) {
    struct stat facts {};
    if (regular_) {
        if (::fstat(file_, &facts) != 0) throw_io(path_, "cannot read", errno);
        if (static_cast<std::uint64_t>(facts.st_size) < bytes) {
            throw dv::IoError("'" + path_.string() + "' is shorter than it was: it cannot be continued");
        }
        if (::ftruncate(file_, static_cast<off_t>(bytes)) != 0) throw_io(path_, "cannot cut", errno);
    }
    size_ = bytes;
    is_cut_ = true;
}

bool LineFile::would_replace() const {
    struct stat facts {};
    return !is_cut_ && regular_ && ::fstat(file_, &facts) == 0 && facts.st_size > 0;
}

void LineFile::add(std::string_view lines, double wall_time) {
    if (!is_cut_) cut(0);
    waiting_ += lines;
    n_waiting_ += std::count(lines.begin(), lines.end(), '\n');
    const bool slow = std::abs(wall_time - last_write_) >= kSlow;  // a clock set back must not stop the writing
    if (n_waiting_ < gather_ && !slow) return;
    last_write_ = wall_time;
    write();
}

void LineFile::write() {
    if (waiting_.empty()) return;
    cut_torn_line();
    const std::size_t done = write_bytes(file_, waiting_);
    const int reason = errno;
    const bool complete = done == waiting_.size();
    const std::size_t whole = std::string_view(waiting_).substr(0, done).rfind('\n') + 1;  // npos + 1 is 0
    size_ += whole;
    torn_ = whole < done;
    n_waiting_ -= std::count(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(whole), '\n');
    waiting_.erase(0, whole);
    if (complete) return;
    if (torn_ && regular_ && ::ftruncate(file_, static_cast<off_t>(size_)) == 0) torn_ = false;
    fail("cannot write", reason);
}

void LineFile::sync() {
    if (!is_cut_) cut(0);
    write();
    if (const int reason = sync_file(file_)) fail("cannot write", reason);
}

void LineFile::rewrite(std::string_view head, std::uint64_t skip, const MapLine& line) {
    if (!is_cut_) cut(0);
    write();
    if (!regular_) throw dv::IoError("cannot rewrite '" + path_.string() + "': it is no regular file");
    Replacement fresh(path_);
    fresh.text = head;
    std::string old;
    for (std::uint64_t at = skip; at < size_;) {
        const std::size_t former = old.size();
        old.resize(former + kChunk);
        const ssize_t n = ::pread(file_, old.data() + former, kChunk, static_cast<off_t>(at));
        if (n <= 0) fail("cannot read", n < 0 ? errno : EIO);
        old.resize(former + static_cast<std::size_t>(n));
        at += static_cast<std::uint64_t>(n);
        std::size_t from = 0;
        for (std::size_t end; (end = old.find('\n', from)) != std::string::npos; from = end + 1) {
            line(std::string_view(old).substr(from, end - from), fresh.text);
            fresh.put_when_full();
        }
        old.erase(0, from);
    }
    const auto [file, size] = fresh.finish();
    ::close(std::exchange(file_, file));
    size_ = size;
}

void LineFile::cut_torn_line() {
    if (!torn_ || !regular_) return;
    if (::ftruncate(file_, static_cast<off_t>(size_)) != 0) fail("cannot cut a torn line from", errno);
    torn_ = false;
}

void LineFile::fail(const char* what, int reason) const {
    std::string text = std::string(what) + " '" + path_.string() + "': " + std::generic_category().message(reason);
    if (n_waiting_ > 0)
        text += "; " + std::to_string(n_waiting_) + " line(s) wait and are tried again with the next ones";
    throw dv::IoError(text);
}

}  // namespace loggers

#include "append_file.hpp"

#include <dv/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cmath>
#include <limits>
#include <system_error>
#include <utility>

namespace loggers::wire {

AppendFile::AppendFile(std::filesystem::path path)
    : path_(std::move(path)), last_write_(-std::numeric_limits<double>::infinity()) {
    std::error_code failed;
    if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path(), failed);
    if (failed) {
        throw dv::IoError("cannot make the folder '" + path_.parent_path().string() + "': " + failed.message());
    }
    file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
    if (file_ < 0) fail("cannot make", errno);
}

AppendFile::AppendFile(std::filesystem::path path, std::uint64_t size)
    : path_(std::move(path)), written_(size), last_write_(-std::numeric_limits<double>::infinity()) {
    file_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (file_ < 0) fail("cannot go on with", errno);
    struct stat facts {};
    const bool known = ::fstat(file_, &facts) == 0;
    if (known && static_cast<std::uint64_t>(facts.st_size) >= size && ::ftruncate(file_, static_cast<off_t>(size)) == 0)
        return;
    const int reason = known && static_cast<std::uint64_t>(facts.st_size) < size ? ENODATA : errno;
    ::close(file_);
    fail("cannot go on with", reason);
}

AppendFile::~AppendFile() {
    try {
        write();
    } catch (const std::exception&) {
        // Reported by the write() before; there is nobody left to tell.
    }
    ::close(file_);
}

void AppendFile::added(double now, double patience) {
    const bool due = !(std::abs(now - last_write_) < patience);  // a clock set back must not stop the writing
    if (waiting_.size() < kGather && !due) return;
    last_write_ = now;
    write();
}

void AppendFile::write() {
    std::size_t done = 0;
    int reason = 0;
    while (done < waiting_.size() && reason == 0) {
        const ssize_t n = ::write(file_, waiting_.data() + done, waiting_.size() - done);
        if (n >= 0) {
            done += static_cast<std::size_t>(n);
        } else if (errno != EINTR) {
            reason = errno;
        }
    }
    written_ += done;
    waiting_.erase(0, done);
    if (reason != 0) fail("cannot write", reason);
}

void AppendFile::sync() {
    write();
    struct stat facts {};
    if (::fstat(file_, &facts) == 0 && facts.st_nlink == 0) fail("lost: somebody removed", ENOENT);
    while (::fsync(file_) != 0) {
        if (errno == EINVAL || errno == ENOTSUP || errno == EROFS) return;  // what cannot be synced needs none
        if (errno != EINTR) fail("cannot write", errno);
    }
}

void AppendFile::fail(const char* what, int reason) const {
    std::string text = std::string(what) + " '" + path_.string() + "': " + std::generic_category().message(reason);
    if (!waiting_.empty()) text += "; " + std::to_string(waiting_.size()) + " bytes wait and are tried again";
    throw dv::IoError(text);
}

}  // namespace loggers::wire

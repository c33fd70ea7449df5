#include "checkpoint/atomic_file.hpp"

#include <dv/error.hpp>

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <string>

namespace dvhost::checkpoint {

namespace {

[[noreturn]] void fail(const std::filesystem::path& file, const char* what, int error) {
    throw dv::IoError("cannot " + std::string(what) + " " + file.string() + ": " + std::strerror(error));
}

}  // namespace

AtomicFile::AtomicFile(const std::filesystem::path& target) : target_(target), path_(target) {
    std::error_code made;
    if (target.has_parent_path()) std::filesystem::create_directories(target.parent_path(), made);
    if (made) throw dv::IoError("cannot make the folder " + target.parent_path().string() + ": " + made.message());
    path_ += ".tmp";
    fd_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd_ < 0) fail(path_, "create", errno);
}

AtomicFile::~AtomicFile() {
    if (fd_ >= 0) close(fd_);
    if (!renamed_) unlink(path_.c_str());
}

void AtomicFile::write(const void* data, std::size_t n) noexcept {
    const auto* bytes = static_cast<const char*>(data);
    for (std::size_t done = 0; done < n && error_ == 0;) {
        const ssize_t written = ::write(fd_, bytes + done, n - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            error_ = errno;
        } else {
            done += static_cast<std::size_t>(written);
        }
    }
}

void AtomicFile::commit() {
    if (error_ != 0) fail(path_, "write", error_);
    if (fsync(fd_) != 0) fail(path_, "sync", errno);
    if (rename(path_.c_str(), target_.c_str()) != 0) fail(target_, "rename a finished file to", errno);
    renamed_ = true;
    // The rename itself is durable once the folder is.
    const std::filesystem::path folder_path = target_.has_parent_path() ? target_.parent_path() : ".";
    const int folder = open(folder_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) fail(folder_path, "open", errno);
    const int synced = fsync(folder);
    const int error = errno;
    close(folder);
    if (synced != 0) fail(folder_path, "sync", error);
}

}  // namespace dvhost::checkpoint

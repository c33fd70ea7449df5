#include "logging/spool_folder.hpp"

#include "logging/segment.hpp"

#include <dv/error.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <system_error>

namespace dvhost::logging {

namespace {

namespace fs = std::filesystem;

std::string six_digits(std::uint64_t number) {
    std::string text = std::to_string(number);
    return std::string(text.size() < 6 ? 6 - text.size() : 0, '0') + text;
}

/// A reader, or whoever comes after a kill, finds the old content or the new one.
void replace(const fs::path& file, const std::string& bytes) {
    const fs::path fresh = fs::path(file) += ".tmp";
    std::ofstream out(fresh, std::ios::binary);
    out << bytes;
    out.close();
    std::error_code failed;
    if (out) fs::rename(fresh, file, failed);
    if (!out || failed) {
        throw dv::IoError("cannot write '" + file.string() + "'" + (failed ? ": " + failed.message() : std::string()));
    }
}

std::optional<std::string> content(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return std::nullopt;
    return std::string{std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

fs::path SpoolFolder::segment_file(std::uint64_t id) const { return folder_ / (six_digits(id) + ".seg"); }

std::map<std::uint64_t, fs::path> SpoolFolder::segments() const {
    std::map<std::uint64_t, fs::path> found;
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(folder_, unreadable)) {
        if (entry.path().extension() != ".seg") continue;
        if (const auto number = Segment::number_of(entry.path())) found.emplace(*number, entry.path());
    }
    return found;
}

void SpoolFolder::write_cursor(const std::string& place, const Cursor& at) const {
    replace(cursor(place), std::to_string(at.place.segment) + " " + std::to_string(at.place.index) + "\n" + at.position);
}

std::optional<Cursor> SpoolFolder::read_cursor(const std::string& place) const {
    const auto bytes = content(cursor(place));
    if (!bytes) return std::nullopt;
    Cursor at;
    const char* const end = bytes->data() + bytes->size();
    const auto segment = std::from_chars(bytes->data(), end, at.place.segment);
    if (segment.ec != std::errc{} || segment.ptr == end) return std::nullopt;
    const auto index = std::from_chars(segment.ptr + 1, end, at.place.index);
    if (index.ec != std::errc{} || index.ptr == end || *index.ptr != '\n') return std::nullopt;
    at.position.assign(index.ptr + 1, end);
    return at;
}

void SpoolFolder::remove_cursor(const std::string& place) const {
    std::error_code ignored;
    fs::remove(cursor(place), ignored);
}

void SpoolFolder::write_outcome(const std::string& outcome) const {
    const fs::path file = folder_ / "outcome";
    std::string bytes = outcome;
    bytes.resize(std::max<std::size_t>(bytes.size(), 15), ' ');
    bytes += '\n';
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);  // in place: that needs no room
    const bool written = fd >= 0 && ::pwrite(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
    const int reason = errno;
    if (fd >= 0) ::close(fd);
    if (!written) throw dv::IoError("cannot write '" + file.string() + "': " + std::generic_category().message(reason));
}

std::optional<std::string> SpoolFolder::read_outcome() const {
    const auto bytes = content(folder_ / "outcome");
    if (!bytes) return std::nullopt;
    const std::string outcome = bytes->substr(0, bytes->find_first_of(" \n"));
    return outcome.empty() || outcome == "running" ? std::nullopt : std::optional(outcome);
}

SpoolLock::SpoolLock(const SpoolFolder& folder) {
    const fs::path file = folder.path() / "lock";
    fd_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd_ < 0) throw dv::IoError("cannot open '" + file.string() + "': " + std::generic_category().message(errno));
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
        ::close(fd_);
        throw dv::IoError("'" + folder.path().string() + "' belongs to process " + content(file).value_or("?") +
                          ", which is still there");
    }
    const std::string id = std::to_string(::getpid());
    if (::ftruncate(fd_, 0) != 0 || ::pwrite(fd_, id.data(), id.size(), 0) < 0) return;  // the number is for people only
}

SpoolLock::~SpoolLock() { ::close(fd_); }

}  // namespace dvhost::logging

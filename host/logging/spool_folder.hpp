#pragma once
/// The files of a spool that are not segments: who writes it, how far each logger has come, how the run ended.

#include "logging/record.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace dvhost::logging {

/// Up to where a logger's output is safe.
struct Cursor {
    Place place;           ///< the first record that is not
    std::string position;  ///< in the logger's own words
};

/// `<run>/.dvspool`. Paths only; nothing is made by making one.
class SpoolFolder {
public:
    explicit SpoolFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}

    const std::filesystem::path& path() const { return folder_; }
    /// A name for the file of a segment; it says nothing about the segment's place in the order.
    std::filesystem::path segment_file(std::uint64_t id) const;
    std::filesystem::path tags() const { return folder_ / "tags"; }
    /// The segments in use, by their number.
    std::map<std::uint64_t, std::filesystem::path> segments() const;

    /// `place` is the logger's in the manifest, "logger.0". Replaced as a whole. Throws dv::IoError.
    void write_cursor(const std::string& place, const Cursor& cursor) const;
    std::optional<Cursor> read_cursor(const std::string& place) const;
    void remove_cursor(const std::string& place) const;

    /// How the run ended; nothing: its process was killed. begin_outcome() takes the room, so that the end can be noted on a full disk.
    void begin_outcome() const { write_outcome("running"); }
    void write_outcome(const std::string& outcome) const;
    std::optional<std::string> read_outcome() const;

private:
    std::filesystem::path cursor(const std::string& place) const { return folder_ / (place + ".cursor"); }

    std::filesystem::path folder_;
};

/// Held as long as a process writes or reads a spool, and let go by the system when it dies.
class SpoolLock {
public:
    /// Throws dv::IoError, with the holder's process number if another one has it.
    explicit SpoolLock(const SpoolFolder& folder);
    ~SpoolLock();
    SpoolLock(const SpoolLock&) = delete;
    SpoolLock& operator=(const SpoolLock&) = delete;

private:
    int fd_;
};

}  // namespace dvhost::logging

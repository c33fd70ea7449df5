#pragma once
/// A stretch of the spool: preallocated records, mapped from a file or from memory, and the blobs they point to.

#include "logging/record.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace dvhost::logging {

/// One thread writes records, one reads them; everything else is said at the function.
class Segment {
public:
    static constexpr std::uint32_t kRecords = 32767;  ///< 1 MiB with the header

    /// Room for `n_records`, allocated on disk and touched, so that writing records neither fails nor waits. Throws dv::IoError.
    static std::unique_ptr<Segment> make(std::filesystem::path file, std::uint32_t n_records = kRecords);
    static std::unique_ptr<Segment> make_in_memory(std::uint32_t n_records = kRecords);
    /// What a process left behind, for reading. Throws dv::IoError when it is no segment.
    static std::unique_ptr<Segment> open(std::filesystem::path file);
    ~Segment();
    Segment(const Segment&) = delete;
    Segment& operator=(const Segment&) = delete;

    std::uint32_t capacity() const { return capacity_; }
    Record* records() const { return records_; }
    bool is_file() const { return !file_.empty(); }

    /// Its place in the order of segments, once it has one: said in the segment, because naming a file would cost the training thread a
    /// system call.
    void set_number(std::uint64_t number);
    /// Of a segment's file; nothing: not in use, or no segment.
    static std::optional<std::uint64_t> number_of(const std::filesystem::path& file);

    /// How many records are in use once the writer has gone on to the next segment; capacity() before. [any]
    std::uint32_t end() const;
    void close_at(std::uint32_t n_records);

    /// The item that begins at `at`: empty while its last record is not there.
    std::span<Record> item(std::uint32_t at) const;
    /// What there is of an item that was cut off.
    std::span<Record> torn_item(std::uint32_t at) const;

    /// Keeps bytes that a record points to, on disk if it can. [any]
    std::uint64_t keep_blob(std::string_view bytes);
    /// Throws dv::Error when they are not there. [any]
    std::string blob(std::uint64_t offset) const;

    /// Empty again, to be written anew.
    void clear();
    /// Takes the files away.
    void remove();

private:
    struct Header;
    Segment(std::filesystem::path file, void* memory, std::size_t bytes);
    Header& header() const;
    std::filesystem::path blob_file() const;

    std::filesystem::path file_;  // empty: memory
    void* memory_;
    std::size_t bytes_;
    std::uint32_t capacity_;
    Record* records_;

    mutable std::mutex blobs_;  // guards what follows
    mutable int blob_fd_ = -1;
    std::uint64_t blob_size_ = 0;
    std::map<std::uint64_t, std::string> blobs_in_memory_;
};

}  // namespace dvhost::logging

#pragma once
/// An event file of TensorBoard: records of events, each with checksums.
///
///   record  u64 length | u32 masked crc32c(length) | event | u32 masked crc32c(event)        little endian

#include "wire/append_file.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace tensorboard {

/// One file in `folder`, named events.out.tfevents.<seconds>.<host>.<pid>.<number><suffix>; a new one always: a file of
/// another process is never appended to. TensorBoard reads the files of a folder in the order of their names, so this
/// one's seconds come after those of all that are there. One thread at a time.
class EventFile {
public:
    /// Makes the file and writes who wrote it. Throws dv::IoError.
    EventFile(const std::filesystem::path& folder, std::string_view suffix, double now);

    /// Appends one serialised Event. Throws dv::IoError as AppendFile does; the event then waits.
    void add(std::string_view event, double now, double patience);

    loggers::wire::AppendFile& file() { return file_; }
    const loggers::wire::AppendFile& file() const { return file_; }

private:
    loggers::wire::AppendFile file_;
};

/// Whether TensorBoard takes a file of this name for one of its own.
bool is_event_file(const std::filesystem::path& path);
/// Whether `folder` holds an event file.
bool has_event_files(const std::filesystem::path& folder);

}  // namespace tensorboard

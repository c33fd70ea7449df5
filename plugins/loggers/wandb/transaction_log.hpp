#pragma once
/// W&B's transaction log: records in LevelDB's log format.
///
///   file    ":W&B" | u16 0xBEE1 | u8 0 | blocks of 32768 bytes, counted from the start of the file
///   chunk   u32 crc32(type, data) | u16 length | u8 type | data        type: 1 whole, 2 first, 3 middle, 4 last
///
/// Where fewer than 7 bytes are left in a block, they are zero. The checksum is zlib's CRC-32, not CRC-32C.

#include "wire/append_file.hpp"

#include <filesystem>
#include <string_view>

namespace wandb {

class TransactionLog {
public:
    /// A new file. Throws dv::IoError.
    explicit TransactionLog(std::filesystem::path path);
    /// Goes on behind the first `size` bytes of a file. Throws dv::IoError.
    TransactionLog(std::filesystem::path path, std::uint64_t size) : file_(std::move(path), size) {}

    /// Appends one record. Throws dv::IoError as AppendFile does; the record then waits.
    void add(std::string_view record, double now, double patience);

    loggers::wire::AppendFile& file() { return file_; }
    const loggers::wire::AppendFile& file() const { return file_; }

private:
    loggers::wire::AppendFile file_;
};

}  // namespace wandb

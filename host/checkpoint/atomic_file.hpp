#pragma once
/// A file that is there whole or not at all.

#include <cstddef>
#include <filesystem>

namespace dvhost::checkpoint {

/// Writes to <target>.tmp in the same folder; commit() syncs and renames. What was not committed is removed.
class AtomicFile {
public:
    /// Makes the folder. Throws dv::IoError with path and reason, as all of this class does.
    explicit AtomicFile(const std::filesystem::path& target);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    /// Never throws: after the first failure nothing more is written, and commit() throws.
    void write(const void* data, std::size_t n) noexcept;
    void commit();

private:
    std::filesystem::path target_, path_;
    int fd_ = -1;
    int error_ = 0;
    bool renamed_ = false;
};

}  // namespace dvhost::checkpoint

#pragma once
/// Files in IDX format, plain or gzipped: http://yann.lecun.com/exdb/mnist (bottom of the page).
///
///     0, 0, type (8: unsigned bytes), number of dimensions;  one big-endian uint32 per dimension;  the values, last dimension
///     fastest
///
/// Only unsigned bytes are read. All errors are dv::IoError, name the file, and give the numbers that do not fit.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

namespace dv::fashion_mnist {

struct IdxHeader {
    std::vector<std::int64_t> sizes;  ///< by dimension

    std::size_t n_bytes() const { return 4 + 4 * sizes.size(); }
    std::size_t n_values() const;
};

struct IdxFile {
    IdxHeader header;
    std::unique_ptr<std::uint8_t[]> bytes;  ///< header and values
    std::span<const std::uint8_t> values() const { return {bytes.get() + header.n_bytes(), header.n_values()}; }
};

/// Reads the beginning of the file; compares with its length as far as that says anything.
IdxHeader read_idx_header(const std::filesystem::path& path, std::size_t n_dimensions);

/// The whole file, whose values must be as many as the header promises.
IdxFile read_idx(const std::filesystem::path& path, std::size_t n_dimensions);

}  // namespace dv::fashion_mnist

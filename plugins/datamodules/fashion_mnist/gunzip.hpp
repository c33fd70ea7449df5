#pragma once
/// Decompression of gzip files that are in memory as a whole.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace dv::fashion_mnist {

/// What came of it.
struct Gunzip {
    enum class End {
        whole,    ///< the stream ended and its checksum fits
        cut,      ///< the input ended before the stream did
        corrupt,  ///< not a valid stream; see `reason`
        full,     ///< `out` was filled before the stream ended
    };
    End end = End::whole;
    std::size_t n_read = 0;     ///< bytes of the stream
    std::size_t n_written = 0;  ///< bytes that are in `out`
    std::string reason;
};

bool is_gzip(std::span<const std::uint8_t> file);

/// Decompresses into `out`, as far as it goes.
Gunzip gunzip(std::span<const std::uint8_t> file, std::span<std::uint8_t> out);

/// The same for the first bytes of a large file: stops when `out` is full.
Gunzip gunzip_head(std::span<const std::uint8_t> file, std::span<std::uint8_t> out);

}  // namespace dv::fashion_mnist

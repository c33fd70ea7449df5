#pragma once
/// SHA-256 (FIPS 180-4), used to tell whether two files are the same.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace dvhost::registry {

class Sha256 {
public:
    void update(std::span<const std::byte> bytes);
    /// The digest of all that was given; the object is spent afterwards.
    std::array<std::byte, 32> digest();

private:
    void block(const std::byte* bytes);

    std::array<std::uint32_t, 8> hash_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::array<std::byte, 64> pending_{};
    std::size_t n_pending_ = 0;
    std::uint64_t n_bytes_ = 0;
};

/// 64 lower-case hexadecimal digits.
std::string sha256_text(std::span<const std::byte> bytes);

}  // namespace dvhost::registry

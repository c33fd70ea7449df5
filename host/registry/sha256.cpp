#include "registry/sha256.hpp"

#include <algorithm>
#include <bit>

namespace dvhost::registry {
namespace {

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
constexpr std::array<std::uint32_t, 64> kRound = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

std::uint32_t big_endian(const std::byte* bytes) {
    std::uint32_t word = 0;
    for (int i = 0; i < 4; ++i) word = word << 8 | static_cast<std::uint32_t>(bytes[i]);
    return word;
}

}  // namespace

void Sha256::block(const std::byte* bytes) {
    using std::rotr;
    std::array<std::uint32_t, 64> w;
    for (std::size_t i = 0; i < 16; ++i) w[i] = big_endian(bytes + 4 * i);
    for (std::size_t i = 16; i < 64; ++i) {
        const std::uint32_t s0 = rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
        const std::uint32_t s1 = rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = hash_;
    for (std::size_t i = 0; i < 64; ++i) {
        const std::uint32_t s1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
        const std::uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + kRound[i] + w[i];
        const std::uint32_t s0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
        const std::uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    const std::uint32_t sum[] = {a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < 8; ++i) hash_[i] += sum[i];
}

void Sha256::update(std::span<const std::byte> bytes) {
    n_bytes_ += bytes.size();
    while (!bytes.empty()) {
        if (n_pending_ == 0 && bytes.size() >= pending_.size()) {
            block(bytes.data());
            bytes = bytes.subspan(pending_.size());
            continue;
        }
        const std::size_t n = std::min(bytes.size(), pending_.size() - n_pending_);
        std::copy_n(bytes.begin(), n, pending_.begin() + static_cast<std::ptrdiff_t>(n_pending_));
        n_pending_ += n;
        bytes = bytes.subspan(n);
        if (n_pending_ == pending_.size()) {
            block(pending_.data());
            n_pending_ = 0;
        }
    }
}

std::array<std::byte, 32> Sha256::digest() {
    const std::uint64_t n_bits = n_bytes_ * 8;
    pending_[n_pending_++] = std::byte{0x80};
    if (n_pending_ > 56) {
        std::fill(pending_.begin() + static_cast<std::ptrdiff_t>(n_pending_), pending_.end(), std::byte{});
        block(pending_.data());
        n_pending_ = 0;
    }
    std::fill(pending_.begin() + static_cast<std::ptrdiff_t>(n_pending_), pending_.end(), std::byte{});
    for (std::size_t i = 0; i < 8; ++i) pending_[56 + i] = static_cast<std::byte>(n_bits >> (56 - 8 * i));
    block(pending_.data());
    std::array<std::byte, 32> out;
    for (std::size_t i = 0; i < 32; ++i) out[i] = static_cast<std::byte>(hash_[i / 4] >> (24 - 8 * (i % 4)));
    return out;
}

std::string sha256_text(std::span<const std::byte> bytes) {
    constexpr char digits[] = "0123456789abcdef";
    Sha256 hash;
    hash.update(bytes);
    std::string text;
    for (const std::byte b : hash.digest()) {
        text += digits[static_cast<unsigned>(b) >> 4];
        text += digits[static_cast<unsigned>(b) & 15];
    }
    return text;
}

}  // namespace dvhost::registry

#pragma once
/// Counter-based randomness: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
///
/// What is drawn for a sample depends on (run seed, sample, epoch, purpose) alone: not on the rank, the number of threads, or
/// what was drawn before. A generator is a value; copying it repeats its draws. No std::*_distribution, whose results differ
/// between standard libraries.

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace dv {

/// One block of the Philox4x32-10 bijection.
constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t a = std::uint64_t{0xD2511F53u} * counter[0];
        const std::uint64_t b = std::uint64_t{0xCD9E8D57u} * counter[2];
        counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
                   static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
        key[0] += 0x9E3779B9u;
        key[1] += 0xBB67AE85u;
    }
    return counter;
}

/// What a draw is for. Numbers are part of what a seed means: never renumber.
enum class Purpose : std::uint16_t { order = 0, augment = 1, synthesize = 2, present = 3, initialise = 4 };

/// A stream of draws for one (seed, sample, epoch, purpose).
class Random {
public:
    Random(std::uint64_t seed, std::uint64_t sample, std::uint32_t epoch, Purpose purpose)
        : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
          counter_{static_cast<std::uint32_t>(sample), static_cast<std::uint32_t>(sample >> 32), epoch,
                   static_cast<std::uint32_t>(purpose) << 16} {}

    std::uint32_t bits() {
        if (used_ == 4) {
            block_ = philox(counter_, key_);
            ++counter_[3];
            used_ = 0;
        }
        return block_[used_++];
    }
    /// Uniform in [0, 1), 24 bits.
    float uniform() { return static_cast<float>(bits() >> 8) * 0x1.0p-24f; }
    /// Uniform in 0 … n-1, without bias (multiply-shift with rejection). Precondition: n > 0.
    std::uint32_t below(std::uint32_t n) {
        std::uint64_t product = std::uint64_t{bits()} * n;
        if (static_cast<std::uint32_t>(product) < n) {
            const std::uint32_t reject = (0u - n) % n;
            while (static_cast<std::uint32_t>(product) < reject) product = std::uint64_t{bits()} * n;
        }
        return static_cast<std::uint32_t>(product >> 32);
    }

private:
    std::array<std::uint32_t, 2> key_;
    std::array<std::uint32_t, 4> counter_;
    std::array<std::uint32_t, 4> block_{};
    unsigned used_ = 4;
};

/// A key for `text` under `seed` (FNV-1a, mixed through Philox): equal texts, equal keys.
constexpr std::uint64_t derive_key(std::uint64_t seed, std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    const auto block = philox({static_cast<std::uint32_t>(hash), static_cast<std::uint32_t>(hash >> 32), 0, 0},
                              {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
    return (std::uint64_t{block[1]} << 32) | block[0];
}

/// A permutation of 0 … n-1 (Fisher-Yates).
inline std::vector<std::uint32_t> permutation(std::uint32_t n, Random random) {
    std::vector<std::uint32_t> order(n);
    for (std::uint32_t i = 0; i < n; ++i) order[i] = i;
    for (std::uint32_t i = n; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    return order;
}

}  // namespace dv

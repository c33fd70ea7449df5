#pragma once
/// Which of many samples are kept, in which of few places.

#include <dv/random.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace dvhost::recording {

/// What becomes of a sample when all places are taken.
enum class Policy {
    fixed,   ///< it is refused: the first ones stay
    cyclic,  ///< it takes the place of the oldest
    reservoir  ///< it takes a random place, or none, so that every sample has had the same chance (Vitter 1985, algorithm R)
};

/// Places for at most `capacity` samples; without one, for all. A capacity of 0 keeps nothing. Draws depend on the seed and on the
/// number of the sample alone.
class SampleSlots {
public:
    SampleSlots(Policy policy, std::optional<std::int64_t> capacity, std::uint64_t seed);

    /// The place of the next sample; none when it is not kept.
    std::optional<std::int64_t> next();
    /// True when nothing that comes will be kept.
    bool is_closed() const { return policy_ == Policy::fixed && capacity_ && seen_ >= *capacity_; }
    std::int64_t n_seen() const { return seen_; }
    std::int64_t n_kept() const { return static_cast<std::int64_t>(number_.size()); }
    /// The places in the order in which their samples came.
    std::vector<std::int64_t> by_age() const;

private:
    Policy policy_;
    std::optional<std::int64_t> capacity_;
    std::uint64_t seed_;
    std::int64_t seen_ = 0;
    std::vector<std::int64_t> number_;  // per place: which sample it holds
};

}  // namespace dvhost::recording

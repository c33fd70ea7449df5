#include "recording/sample_slots.hpp"

#include <algorithm>
#include <numeric>

namespace dvhost::recording {

namespace {

/// Uniform in 0 … n − 1, up to a part in 2⁶⁴/n.
std::int64_t below(dv::Random& random, std::int64_t n) {
    const std::uint64_t high = random.bits();
    return static_cast<std::int64_t>((high << 32 | random.bits()) % static_cast<std::uint64_t>(n));
}

}  // namespace

SampleSlots::SampleSlots(Policy policy, std::optional<std::int64_t> capacity, std::uint64_t seed)
    : policy_(policy), capacity_(capacity), seed_(dv::derive_key(seed, "recorder")) {}

std::optional<std::int64_t> SampleSlots::next() {
    const std::int64_t sample = seen_++;
    if (!capacity_ || n_kept() < *capacity_) {
        number_.push_back(sample);
        return n_kept() - 1;
    }
    if (*capacity_ == 0 || policy_ == Policy::fixed) return std::nullopt;
    std::int64_t place = sample % *capacity_;
    if (policy_ == Policy::reservoir) {
        dv::Random random(seed_, static_cast<std::uint64_t>(sample), 0, dv::Purpose::present);
        place = below(random, seen_);
        if (place >= *capacity_) return std::nullopt;
    }
    number_[static_cast<std::size_t>(place)] = sample;
    return place;
}

std::vector<std::int64_t> SampleSlots::by_age() const {
    std::vector<std::int64_t> places(number_.size());
    std::iota(places.begin(), places.end(), 0);
    std::sort(places.begin(), places.end(), [&](std::int64_t a, std::int64_t b) {
        return number_[static_cast<std::size_t>(a)] < number_[static_cast<std::size_t>(b)];
    });
    return places;
}

}  // namespace dvhost::recording

#pragma once
/// The patterns that stand for classes.

#include <cstdint>
#include <span>
#include <vector>

namespace dv::synthetic {

struct PatternSize {
    std::int64_t channels, height, width;
    std::int64_t n_values() const { return channels * height * width; }
};

/// One smooth random pattern per class: a coarse grid of keyed uniform values, interpolated bilinearly, with mean 0 and
/// standard deviation 1 over all its values. [channel, y, x]
class Patterns {
public:
    Patterns() = default;
    Patterns(std::int64_t n_classes, PatternSize size, std::uint64_t key);

    std::span<const float> of(std::int64_t label) const {
        const auto n = static_cast<std::size_t>(size_.n_values());
        return std::span(values_).subspan(static_cast<std::size_t>(label) * n, n);
    }
    const PatternSize& size() const { return size_; }
    std::int64_t n_classes() const { return n_classes_; }

private:
    std::int64_t n_classes_ = 0;
    PatternSize size_{};
    std::vector<float> values_;  // [class, channel, y, x]
};

}  // namespace dv::synthetic

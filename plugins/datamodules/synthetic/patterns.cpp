#include "patterns.hpp"

#include <dv/random.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace dv::synthetic {

namespace {

constexpr std::int64_t kGrid = 4;  // coarse values per side: patterns vary over about a quarter of the image

using Grid = std::array<float, kGrid * kGrid>;

/// Where pixel i of n falls on the grid, from its first to its last line.
float grid_position(std::int64_t i, std::int64_t n) {
    return n == 1 ? 0.0f : static_cast<float>(i) * static_cast<float>(kGrid - 1) / static_cast<float>(n - 1);
}

float interpolate(const Grid& grid, float y, float x) {
    const auto top = std::min(static_cast<std::size_t>(y), std::size_t{kGrid - 2});
    const auto left = std::min(static_cast<std::size_t>(x), std::size_t{kGrid - 2});
    const float down = y - static_cast<float>(top), right = x - static_cast<float>(left);
    const float* at = &grid[top * kGrid + left];
    const float upper = at[0] * (1 - right) + at[1] * right;
    const float lower = at[kGrid] * (1 - right) + at[kGrid + 1] * right;
    return upper * (1 - down) + lower * down;
}

void draw(std::span<float> channel, const PatternSize& size, Random& random) {
    Grid grid;
    for (float& value : grid) value = 2.0f * random.uniform() - 1.0f;
    for (std::int64_t y = 0; y < size.height; ++y) {
        for (std::int64_t x = 0; x < size.width; ++x) {
            channel[static_cast<std::size_t>(y * size.width + x)] =
                interpolate(grid, grid_position(y, size.height), grid_position(x, size.width));
        }
    }
}

/// To mean 0 and standard deviation 1; a pattern of one value keeps it, so that classes stay apart.
void standardise(std::span<float> pattern) {
    if (pattern.size() == 1) return;
    double sum = 0, squares = 0;
    for (const float v : pattern) sum += v;
    const double mean = sum / static_cast<double>(pattern.size());
    for (const float v : pattern) squares += (v - mean) * (v - mean);
    const double deviation = std::sqrt(squares / static_cast<double>(pattern.size()));
    for (float& v : pattern) v = static_cast<float>((v - mean) / deviation);
}

}  // namespace

Patterns::Patterns(std::int64_t n_classes, PatternSize size, std::uint64_t key)
    : n_classes_(n_classes), size_(size), values_(static_cast<std::size_t>(n_classes * size.n_values())) {
    const auto n = static_cast<std::size_t>(size.n_values());
    const auto per_channel = static_cast<std::size_t>(size.height * size.width);
    for (std::int64_t label = 0; label < n_classes; ++label) {
        const auto pattern = std::span(values_).subspan(static_cast<std::size_t>(label) * n, n);
        Random random(key, static_cast<std::uint64_t>(label), 0, Purpose::synthesize);
        for (std::size_t c = 0; c < n; c += per_channel) draw(pattern.subspan(c, per_channel), size, random);
        standardise(pattern);
    }
}

}  // namespace dv::synthetic

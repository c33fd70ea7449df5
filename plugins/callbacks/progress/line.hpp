#pragma once
/// A loop's position as a line of text.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace progress {

struct Position {
    std::string_view label;  ///< "Epoch 3"
    std::int64_t done = 0;
    std::int64_t total = -1;           ///< -1: not known
    double elapsed = 0.0;              ///< [s]
    std::optional<double> rate;        ///< [1/s]
    std::vector<std::string> metrics;  ///< "train/loss 0.412"
};

enum class Glyphs { unicode, ascii };

/// For a terminal, at most `width` columns:
///     Epoch 3:  47%|████▋     | 443/938 [00:14<00:16, 30.2it/s] train/loss 0.412
/// Metrics that find no room are left out, the last first; then the bar is. `around`: the loop in which this one runs, shown behind it
/// where there is room for both:
///     Validation:  30%|███       | 3/10 [00:01<00:02, 3it/s] | Epoch 3:  47%|████▋     | 443/938
std::string bar_line(const Position& at, Glyphs glyphs, int width, const Position* around = nullptr);

/// For a log:  Epoch 3: 443/938 (47%) [00:14<00:16, 30.2it/s] train/loss 0.412
std::string plain_line(const Position& at);

/// When it is over:  Epoch 3: 938/938 [00:31] train/loss 0.412
std::string final_line(const Position& at);

/// "train/loss 0.412"
std::string metric_text(std::string_view name, double value);

}  // namespace progress

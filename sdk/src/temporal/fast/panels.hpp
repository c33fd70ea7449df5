#pragma once
/// Matrices as the kernels read them: columns in panels of a few vectors, each panel's rows one after the other.

#include "kernels.hpp"
#include "parallel.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace dv::temporal::fast {

/// Columns of a matrix, cut into panels of whole vectors.
struct Panel {
    std::int64_t begin, width;  ///< columns
    int n_vectors;
    std::int64_t offset;  ///< vectors before it
};

inline std::vector<Panel> panels(std::int64_t columns, int lanes) {
    const std::int64_t vectors = (columns + lanes - 1) / lanes, n = (vectors + kMostVectors - 1) / kMostVectors;
    std::vector<Panel> out;
    for (std::int64_t i = 0, at = 0; i < n; ++i) {
        const std::int64_t width = vectors / n + (i < vectors % n ? 1 : 0);
        out.push_back({at * lanes, std::min(width * lanes, columns - at * lanes), static_cast<int>(width), at});
        at += width;
    }
    return out;
}

template <class T>
std::int64_t padded(std::int64_t columns) {
    return (columns + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
}

/// Which of a kernel's taps ever meet an image, and where their matrices lie among those that are kept.
struct Taps {
    std::vector<std::int32_t> slot;  ///< per tap; −1: never
    std::int64_t used = 0;
    std::int64_t count() const { return static_cast<std::int64_t>(slot.size()); }

    static Taps all(std::int64_t n) {
        Taps taps{std::vector<std::int32_t>(static_cast<std::size_t>(n)), n};
        std::iota(taps.slot.begin(), taps.slot.end(), 0);
        return taps;
    }
};

/// A kernel's weights as they lie: weight(column, k, tap) = w[column · by_column + k · by_k + tap].
template <class T>
struct Weights {
    const T* w;
    std::int64_t by_column, by_k;
};

/// The weights panel by panel, each panel [used tap][k][n_vectors · lanes], padded by zeros.
template <class T>
at::Tensor pack(Team* team, const Taps& taps, std::int64_t k, std::int64_t columns, const Weights<T>& weights,
                at::TensorOptions options) {
    constexpr std::int64_t kAtOnce = 16;  // of k
    const auto cut = panels(columns, kLanes<T>);
    at::Tensor packed = at::empty({padded<T>(columns) * taps.used * k}, options);
    T* out = packed.mutable_data_ptr<T>();
    const std::int64_t n_taps = taps.count(), pieces = (k + kAtOnce - 1) / kAtOnce;
    const bool runs = weights.by_k == n_taps;  // the taps of one k follow those of the one before
    const Kernels<T>& kernel = *kernels<T>();
    parallel_for(
        team, static_cast<std::int64_t>(cut.size()) * pieces, 1,
        [&](std::int64_t begin, std::int64_t end) {
            T unused[kLanes<T>];
            const T* from[kLanes<T>];
            T* to[kLanes<T>];
            for (std::int64_t unit = begin; unit < end; ++unit) {
                const Panel& panel = cut[static_cast<std::size_t>(unit / pieces)];
                const std::int64_t first = unit % pieces * kAtOnce, last = std::min(first + kAtOnce, k);
                T* of_panel = out + panel.offset * kLanes<T> * taps.used * k;
                for (std::int64_t r = first; r < last; r += runs ? last - first : 1) {
                    const std::int64_t n = (runs ? last - first : 1) * n_taps;
                    for (int v = 0; v < panel.n_vectors; ++v) {
                        const std::int64_t column = panel.begin + v * kLanes<T>;
                        const auto n_columns =
                            static_cast<int>(std::min<std::int64_t>(kLanes<T>, panel.width - v * kLanes<T>));
                        for (std::int64_t at = 0; at < n; at += kLanes<T>) {
                            const auto width = static_cast<int>(std::min<std::int64_t>(kLanes<T>, n - at));
                            for (int c = 0; c < n_columns; ++c)
                                from[c] = weights.w + (column + c) * weights.by_column + r * weights.by_k + at;
                            for (int i = 0; i < width; ++i) {
                                const std::int64_t slot = taps.slot[static_cast<std::size_t>((at + i) % n_taps)];
                                const std::int64_t row = slot * k + r + (at + i) / n_taps;
                                to[i] = slot < 0 ? unused : of_panel + (row * panel.n_vectors + v) * kLanes<T>;
                            }
                            kernel.transpose({from, n_columns, width, to, kLanes<T>});
                        }
                    }
                }
            }
        },
        2.0 * static_cast<double>(n_taps * k) * static_cast<double>(columns));
    return packed;
}

/// sums [used tap][k][padded columns] → [column][k][tap]; zeros at taps that are never used.
template <class T>
void unpack(Team* team, const Taps& taps, std::int64_t k, std::int64_t columns, const T* sums, T* out) {
    constexpr std::int64_t kAtOnce = 16;  // of k
    const std::int64_t n_taps = taps.count(), step = padded<T>(columns), pieces = (k + kAtOnce - 1) / kAtOnce;
    const std::vector<T> zeros(static_cast<std::size_t>(kLanes<T>), T{0});
    const Kernels<T>& kernel = *kernels<T>();
    parallel_for(
        team, step / kLanes<T> * pieces, 1,
        [&](std::int64_t begin, std::int64_t end) {
            const T* from[kLanes<T>];
            T* to[kLanes<T>];
            for (std::int64_t unit = begin; unit < end; ++unit) {
                const std::int64_t column = unit / pieces * kLanes<T>, first = unit % pieces * kAtOnce,
                                   n = (std::min(first + kAtOnce, k) - first) * n_taps;
                const auto n_columns = static_cast<int>(std::min<std::int64_t>(kLanes<T>, columns - column));
                for (std::int64_t at = 0; at < n; at += kLanes<T>) {
                    const auto rows = static_cast<int>(std::min<std::int64_t>(kLanes<T>, n - at));
                    for (int i = 0; i < rows; ++i) {
                        const std::int64_t slot = taps.slot[static_cast<std::size_t>((at + i) % n_taps)];
                        const std::int64_t row = slot * k + first + (at + i) / n_taps;
                        from[i] = slot < 0 ? zeros.data() : sums + row * step + column;
                    }
                    for (int c = 0; c < n_columns; ++c) to[c] = out + ((column + c) * k + first) * n_taps + at;
                    kernel.transpose({from, rows, n_columns, to, rows});
                }
            }
        },
        2.0 * static_cast<double>(n_taps * k) * static_cast<double>(columns));
}

}  // namespace dv::temporal::fast

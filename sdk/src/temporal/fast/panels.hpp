#pragma once
/// Matrices as the kernels read them: columns in panels of a few vectors, each panel's rows one after the other.

#include "kernels.hpp"
#include "parallel.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
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

/// `weight(column, k, tap)` panel by panel, each panel [tap][k][n_vectors · lanes], padded by zeros.
template <class T, class Weight>
at::Tensor pack(std::int64_t n_taps, std::int64_t k, std::int64_t columns, at::TensorOptions options,
                const Weight& weight) {
    const auto cut = panels(columns, kLanes<T>);
    at::Tensor packed = at::empty({padded<T>(columns) * n_taps * k}, options);
    T* out = packed.mutable_data_ptr<T>();
    parallel_for(
        static_cast<std::int64_t>(cut.size()) * n_taps, 1,
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                const Panel& panel = cut[static_cast<std::size_t>(i / n_taps)];
                const std::int64_t tap = i % n_taps, row = panel.n_vectors * kLanes<T>;
                T* to = out + panel.offset * kLanes<T> * n_taps * k + tap * k * row;
                for (std::int64_t r = 0; r < k; ++r, to += row) {
                    for (std::int64_t c = 0; c < panel.width; ++c) to[c] = weight(panel.begin + c, r, tap);
                    std::fill(to + panel.width, to + row, T{0});
                }
            }
        },
        16.0 * static_cast<double>(n_taps * k) * static_cast<double>(columns));
    return packed;
}

}  // namespace dv::temporal::fast

#pragma once
/// The inner loops that convolutions come down to, in registers, for the widest vectors that the processor has.
///
/// Activity lies channels-last, so that a position is one row of channels. Rows are given by pointers: a convolution reads the
/// rows around a position where they lie, without copying them together first (Dukhan (2019), "The Indirect Convolution
/// Algorithm", arXiv:1907.02129).

#include <cstdint>

namespace dv::temporal::fast {

/// Rows at once, and vectors of 64 bytes side by side: the panel widths for which there are kernels.
inline constexpr int kRows = 8, kMostVectors = 3;
template <class T>
inline constexpr int kLanes = 64 / static_cast<int>(sizeof(T));

/// c[i][0 … width) = start + Σ_tap Σ_k a[tap·rows + i][k] · b[tap][k]  for i < rows ≤ kRows, where b[tap][k] is n_vectors vectors
/// side by side. width ≤ n_vectors · kLanes. `start` is padded to whole vectors; null: zeros.
template <class T>
struct RowsTask {
    const T* const* a;
    int rows, n_vectors;
    std::int64_t n_taps, k;
    const T* const* b;
    const T* start;
    T* const* c;
    int width;
};

/// c[i·c_row + j] += Σ_n a[n][a_from + i] · b[n][b_from + j]  for i < rows ≤ kRows, j < n_vectors · kLanes; the last vector of b reads only
/// `last_width` elements. c is padded to whole vectors.
template <class T>
struct SumTask {
    const T* const* a;
    const T* const* b;
    std::int64_t n, a_from, b_from;
    int rows, n_vectors, last_width;
    T* c;
    std::int64_t c_row;
};

/// to[c][r] = from[r][c]  for r < rows ≤ kLanes, c < columns ≤ kLanes. Of each row of the result all of `width` ≥ rows elements, at
/// most kLanes, are written: those from `rows` on are zeros.
template <class T>
struct TransposeTask {
    const T* const* from;
    int rows, columns;
    T* const* to;
    int width;
};

template <class T>
struct Kernels {
    void (*rows)(const RowsTask<T>&);
    void (*sum)(const SumTask<T>&);
    void (*transpose)(const TransposeTask<T>&);
};

/// For this processor; null where it has no vectors of 64 bytes (AVX-512).
template <class T>
const Kernels<T>* kernels();

}  // namespace dv::temporal::fast

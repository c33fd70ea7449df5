#include "winograd_tiles.hpp"

#include <immintrin.h>

// As in kernels_avx512.cpp: for AVX-512 whatever the rest is compiled for, with internal linkage only.
#pragma GCC target("avx512f,fma")
#pragma GCC optimize("O3,fp-contract=fast")

namespace dv::temporal::fast {

namespace {

using V = float __attribute__((vector_size(64)));
constexpr std::int64_t kLane = 16;

inline __attribute__((always_inline)) __mmask16 lanes(std::int64_t n) {
    return static_cast<__mmask16>(n >= kLane ? 0xffff : (1 << n) - 1);
}
inline __attribute__((always_inline)) V load(const float* from, __mmask16 mask) {
    return _mm512_maskz_loadu_ps(mask, from);
}
inline __attribute__((always_inline)) void store(float* to, V v, __mmask16 mask) { _mm512_mask_storeu_ps(to, mask, v); }

/// Six values on a line into the basis.
inline __attribute__((always_inline)) void into_basis(const V* d, int step, V* out) {
    const V d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
    const V even = d4 - 4.0f * d2, odd = d3 - 4.0f * d1, near = d4 - d2, far = 2.0f * (d3 - d1);
    out[0] = 4.0f * d0 - 5.0f * d2 + d4;
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = near + far;
    out[4] = near - far;
    out[5] = 4.0f * d1 - 5.0f * d3 + d5;
}

/// Six points on a line to kSide results.
template <int kSide>
inline __attribute__((always_inline)) void to_results(const V* m, int step, V* out) {
    const V sum1 = m[step] + m[2 * step], difference1 = m[step] - m[2 * step];
    const V sum2 = m[3 * step] + m[4 * step], difference2 = m[3 * step] - m[4 * step];
    out[0] = m[0] + sum1 + sum2;
    if constexpr (kSide == 2) {
        out[1] = difference1 + 2.0f * difference2 + m[5 * step];
    } else {
        out[1] = difference1 + 2.0f * difference2;
        out[2] = sum1 + 4.0f * sum2;
        out[3] = difference1 + 8.0f * difference2 + m[5 * step];
    }
}

/// Its adjoint.
template <int kSide>
inline __attribute__((always_inline)) void from_results(const V* y, int step, V* out) {
    if constexpr (kSide == 2) {
        const V y0 = y[0], y1 = y[step];
        out[0] = y0;
        out[1] = y0 + y1;
        out[2] = y0 - y1;
        out[3] = y0 + 2.0f * y1;
        out[4] = y0 - 2.0f * y1;
        out[5] = y1;
    } else {
        const V y0 = y[0], y1 = y[step], y2 = y[2 * step], y3 = y[3 * step];
        const V even = y0 + y2, odd = y1 + y3, even2 = y0 + 4.0f * y2, odd2 = 2.0f * y1 + 8.0f * y3;
        out[0] = y0;
        out[1] = even + odd;
        out[2] = even - odd;
        out[3] = even2 + odd2;
        out[4] = even2 - odd2;
        out[5] = y3;
    }
}

template <int kSide>
void results(const float* in, std::int64_t point_step, const float* start, float* const* rows, std::int64_t channels) {
    for (std::int64_t c = 0; c < channels; c += kLane) {
        const __mmask16 mask = lanes(channels - c);
        V points[kPoints], half[kSide * kTileSide], line[kSide];
        for (int p = 0; p < kPoints; ++p) points[p] = load(in + p * point_step + c, 0xffff);
        for (int x = 0; x < kTileSide; ++x) {
            to_results<kSide>(points + x, kTileSide, line);
            for (int y = 0; y < kSide; ++y) half[y * kTileSide + x] = line[y];
        }
        const V first = start ? load(start + c, 0xffff) : V{};
        for (int y = 0; y < kSide; ++y) {
            to_results<kSide>(half + y * kTileSide, 1, line);
            for (int x = 0; x < kSide; ++x) {
                if (rows[y * kSide + x]) store(rows[y * kSide + x] + c, line[x] + first, mask);
            }
        }
    }
}

template <int kSide>
void gradients(const float* const* rows, std::int64_t channels, float* out, std::int64_t point_step) {
    for (std::int64_t c = 0; c < channels; c += kLane) {
        const __mmask16 mask = lanes(channels - c);
        V given[kSide * kSide], half[kTileSide * kSide], line[kTileSide];
        for (int i = 0; i < kSide * kSide; ++i) given[i] = rows[i] ? load(rows[i] + c, mask) : V{};
        for (int x = 0; x < kSide; ++x) {
            from_results<kSide>(given + x, kSide, line);
            for (int y = 0; y < kTileSide; ++y) half[y * kSide + x] = line[y];
        }
        for (int y = 0; y < kTileSide; ++y) {
            from_results<kSide>(half + y * kSide, 1, line);
            for (int x = 0; x < kTileSide; ++x) store(out + (y * kTileSide + x) * point_step + c, line[x], 0xffff);
        }
    }
}

template <int kSide>
void to_points(const float* const* taps, const float* basis, float* out, std::int64_t point_step, std::int64_t n) {
    for (std::int64_t c = 0; c < n; c += kLane) {
        V half[kTileSide * kSide];
        for (int x = 0; x < kSide; ++x) {
            V given[kSide];
            for (int y = 0; y < kSide; ++y) given[y] = load(taps[y * kSide + x] + c, 0xffff);
            for (int p = 0; p < kTileSide; ++p) {
                V sum{};
                for (int y = 0; y < kSide; ++y) sum += basis[p * kSide + y] * given[y];
                half[p * kSide + x] = sum;
            }
        }
        for (int p = 0; p < kTileSide; ++p) {
            for (int q = 0; q < kTileSide; ++q) {
                V sum{};
                for (int x = 0; x < kSide; ++x) sum += basis[q * kSide + x] * half[p * kSide + x];
                store(out + (p * kTileSide + q) * point_step + c, sum, 0xffff);
            }
        }
    }
}

template <int kSide>
void from_points(const float* in, std::int64_t n_slices, std::int64_t slice_step, std::int64_t point_step,
                 const float* basis, float* out, std::int64_t tap_step, std::int64_t n) {
    for (std::int64_t c = 0; c < n; c += kLane) {
        V half[kSide * kTileSide];
        for (int q = 0; q < kTileSide; ++q) {
            V given[kTileSide];
            for (int p = 0; p < kTileSide; ++p) {
                const float* from = in + (p * kTileSide + q) * point_step + c;
                V sum = load(from, 0xffff);
                for (std::int64_t s = 1; s < n_slices; ++s) sum += load(from + s * slice_step, 0xffff);
                given[p] = sum;
            }
            for (int y = 0; y < kSide; ++y) {
                V sum{};
                for (int p = 0; p < kTileSide; ++p) sum += basis[p * kSide + y] * given[p];
                half[y * kTileSide + q] = sum;
            }
        }
        for (int y = 0; y < kSide; ++y) {
            for (int x = 0; x < kSide; ++x) {
                V sum{};
                for (int q = 0; q < kTileSide; ++q) sum += basis[q * kSide + x] * half[y * kTileSide + q];
                store(out + (y * kSide + x) * tap_step + c, sum, 0xffff);
            }
        }
    }
}

}  // namespace

void kernel_to_points(const float* const* taps, int side, const float* basis, float* out, std::int64_t point_step,
                      std::int64_t n) {
    if (side == 3) {
        to_points<3>(taps, basis, out, point_step, n);
    } else {
        to_points<5>(taps, basis, out, point_step, n);
    }
}

void kernel_from_points(const float* in, std::int64_t n_slices, std::int64_t slice_step, std::int64_t point_step,
                        int side, const float* basis, float* out, std::int64_t tap_step, std::int64_t n) {
    if (side == 3) {
        from_points<3>(in, n_slices, slice_step, point_step, basis, out, tap_step, n);
    } else {
        from_points<5>(in, n_slices, slice_step, point_step, basis, out, tap_step, n);
    }
}

void tile_of_inputs(const float* const* rows, std::int64_t channels, float* out, std::int64_t point_step) {
    for (std::int64_t c = 0; c < channels; c += kLane) {
        const __mmask16 mask = lanes(channels - c);
        V given[kPoints], half[kPoints], line[kTileSide];
        for (int p = 0; p < kPoints; ++p) given[p] = rows[p] ? load(rows[p] + c, mask) : V{};
        for (int x = 0; x < kTileSide; ++x) {
            into_basis(given + x, kTileSide, line);
            for (int y = 0; y < kTileSide; ++y) half[y * kTileSide + x] = line[y];
        }
        for (int y = 0; y < kTileSide; ++y) {
            into_basis(half + y * kTileSide, 1, line);
            for (int x = 0; x < kTileSide; ++x) store(out + (y * kTileSide + x) * point_step + c, line[x], 0xffff);
        }
    }
}

void tile_to_results(const float* in, std::int64_t point_step, int side, const float* start, float* const* rows,
                     std::int64_t channels) {
    if (side == 2) {
        results<2>(in, point_step, start, rows, channels);
    } else {
        results<4>(in, point_step, start, rows, channels);
    }
}

void tile_of_gradients(const float* const* rows, int side, std::int64_t channels, float* out, std::int64_t point_step) {
    if (side == 2) {
        gradients<2>(rows, channels, out, point_step);
    } else {
        gradients<4>(rows, channels, out, point_step);
    }
}

}  // namespace dv::temporal::fast

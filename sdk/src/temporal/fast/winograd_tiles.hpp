#pragma once
/// Tiles into the Winograd basis and back, 16 channels at a time. For processors with AVX-512.

#include <cstdint>

namespace dv::temporal::fast {

inline constexpr int kTileSide = 6, kPoints = 36;

/// 36 rows of `channels` values (null: zeros) → out[point · point_step + channel].
void tile_of_inputs(const float* const* rows, std::int64_t channels, float* out, std::int64_t point_step);

/// in[point · point_step + channel] → side·side rows (null: not written); side is 4 or 2. `start`, padded, is added.
void tile_to_results(const float* in, std::int64_t point_step, int side, const float* start, float* const* rows,
                     std::int64_t channels);

/// The adjoint of tile_to_results: side·side rows (null: zeros) → out[point · point_step + channel].
void tile_of_gradients(const float* const* rows, int side, std::int64_t channels, float* out, std::int64_t point_step);

/// side·side rows of n weights, n a multiple of 16 → out[point · point_step + i]. `basis` [6][side] on a line.
void kernel_to_points(const float* const* taps, int side, const float* basis, float* out, std::int64_t point_step,
                      std::int64_t n);

/// Its adjoint, of the sum of n_slices: in[slice · slice_step + point · point_step + i] → out[tap · tap_step + i].
void kernel_from_points(const float* in, std::int64_t n_slices, std::int64_t slice_step, std::int64_t point_step,
                        int side, const float* basis, float* out, std::int64_t tap_step, std::int64_t n);

}  // namespace dv::temporal::fast

#pragma once
/// The topographic plane: all channels of a layer laid out on one sheet, as features are on cortex.
///
/// Each position (y, x) becomes a tile of f x f features, f = ceil(sqrt(channels)), row by row; tiles are mirrored left-right where
/// x is odd and top-bottom where y is odd, so that neighbouring tiles meet at like features. Where channels are fewer than f², the
/// rest of a tile repeats the last channels backwards: slot j holds channel 2·channels − 1 − j.
/// Source: DynVision 0.1.0 (dd24be4), LocalLateralConnection, which needs f² channels.

#include <dv/torch/recurrence.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace topographic {

/// Side f of a tile.
std::int64_t tile_side(std::int64_t channels);
/// f / 4, one more when that is even, and 3 at least.
std::int64_t default_kernel(std::int64_t channels);

/// Which channel lies where on the plane: row by row, (f·height) x (f·width) entries.
std::vector<std::int64_t> channels_on_plane(std::int64_t channels, std::int64_t height, std::int64_t width);

/// R h = P⁻¹(K * P(h)) + b: one kernel on the plane, the plane reflected at its borders.
class PlaneConvolution {
public:
    PlaneConvolution() = default;
    /// `name` says who asks in errors. Throws Error when the site is not a layer's output with its own channels, or when the
    /// kernel does not fit. `kernel`: unset is default_kernel().
    PlaneConvolution(const char* name, const dv::RecurrenceSite& site, std::optional<std::int64_t> kernel);

    std::int64_t kernel() const { return kernel_; }
    /// rate [n, channel, y, x] of the site's grid; weight [1, 1, kernel, kernel], bias [1] or undefined.
    at::Tensor operator()(const at::Tensor& rate, const at::Tensor& weight, const at::Tensor& bias) const;

private:
    std::int64_t channels_ = 0, height_ = 0, width_ = 0, side_ = 0, kernel_ = 0;
    at::Tensor to_plane_, to_layer_;  // int64, on the CPU: for each place of the result, where it is read
};

}  // namespace topographic

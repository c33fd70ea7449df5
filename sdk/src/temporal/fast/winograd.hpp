#pragma once
/// Stride-1 convolutions with fewer multiplications: F(4×4, 3×3) and F(2×2, 5×5).
///
/// Both compute a tile of results from a tile of 6×6 inputs, in a basis where the convolution is one product per point and pair
/// of channels: 36 instead of 144 (3×3) or 100 (5×5). Each point is then a matrix product over all tiles. The basis is that of
/// interpolation at 0, ±1, ±2 and infinity. Source: Lavin & Gray (2016), doi:10.1109/CVPR.2016.435.
///
/// Rounding: results in float differ from the plain sum by some 1e-6 relative to the largest (the test states the bound), about
/// ten times the error of the plain sum. Doubles are never computed this way.

#include "parallel.hpp"

#include <dv/temporal/circuit.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

namespace dv::temporal::fast {

class Winograd {
public:
    /// Whether it pays for this convolution on such images: float, 3×3 or 5×5 with padding kernel / 2 and stride 1, and images
    /// that tiles cover without too much left over.
    static bool suits(const Convolution& convolution, const Grid& in);
    /// Whether a call with n images has tiles enough.
    bool suits_batch(std::int64_t n) const { return n * tiles_y_ * tiles_x_ >= kFewestTiles; }

    /// `weight` [out, in, k, k].
    Winograd(const at::Tensor& weight, const Grid& in, std::shared_ptr<Team> team);

    /// As those of Convolver. `start` is the bias padded to whole vectors, or null.
    at::Tensor forward(const at::Tensor& x, const float* start) const;
    at::Tensor input_gradient(const at::Tensor& of_result) const;
    at::Tensor weight_gradient(const at::Tensor& of_result, const at::Tensor& x) const;

private:
    static constexpr std::int64_t kFewestTiles = 24;

    at::Tensor convolved(const at::Tensor& x, const at::Tensor& packed, std::int64_t columns, const float* start) const;

    std::shared_ptr<Team> team_;  // may be null
    at::Tensor weight_;
    std::int64_t kernel_, result_;  ///< sides of the kernel and of a tile's results
    std::int64_t height_, width_, tiles_y_, tiles_x_;
    mutable at::Tensor packed_, packed_backward_;  // made when first needed
};

}  // namespace dv::temporal::fast

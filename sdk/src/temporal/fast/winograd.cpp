#include "winograd.hpp"

#include "panels.hpp"
#include "winograd_tiles.hpp"

#include <ATen/ops/zeros.h>

#include <cmath>
#include <memory>
#include <utility>

namespace dv::temporal::fast {

namespace {

/// Kernels of `side` taps on a line into the basis: [6][side].
std::vector<float> kernel_basis(std::int64_t side) {
    constexpr double kAt[] = {0, 1, -1, 2, -2}, kScale[] = {1.0 / 4, -1.0 / 6, -1.0 / 6, 1.0 / 24, 1.0 / 24};
    std::vector<float> g;
    for (int i = 0; i < kTileSide; ++i) {
        for (std::int64_t k = 0; k < side; ++k) {
            const bool infinity = i == kTileSide - 1;
            const double value =
                infinity ? (k == side - 1 ? 1.0 : 0.0) : kScale[i] * std::pow(kAt[i], static_cast<double>(k));
            g.push_back(static_cast<float>(value));
        }
    }
    return g;
}

/// Weights packed for products [tile][in] × [in][out], point by point. `turned`: the kernel's taps in reverse order.
at::Tensor packed_kernel(Team* team, std::int64_t side, std::int64_t k, std::int64_t columns, const Weights<float>& weights,
                         bool turned, at::TensorOptions options) {
    const std::int64_t n_taps = side * side;
    const at::Tensor by_tap = pack<float>(team, Taps::all(n_taps), k, columns, weights, options);
    at::Tensor by_point = at::empty({padded<float>(columns) * kPoints * k}, options);
    const std::vector<float> basis = kernel_basis(side);
    const auto cut = panels(columns, kLanes<float>);
    const float* from = by_tap.const_data_ptr<float>();
    float* to = by_point.mutable_data_ptr<float>();
    parallel_for(
        team, static_cast<std::int64_t>(cut.size()) * k, 8,
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<const float*> rows(static_cast<std::size_t>(n_taps));
            for (std::int64_t i = begin; i < end; ++i) {
                const Panel& panel = cut[static_cast<std::size_t>(i / k)];
                const std::int64_t width = panel.n_vectors * kLanes<float>, before = panel.offset * kLanes<float> * k;
                for (std::int64_t tap = 0; tap < n_taps; ++tap) {
                    const std::int64_t of = turned ? n_taps - 1 - tap : tap;
                    rows[static_cast<std::size_t>(tap)] = from + before * n_taps + (of * k + i % k) * width;
                }
                kernel_to_points(rows.data(), static_cast<int>(side), basis.data(),
                                 to + before * kPoints + i % k * width, k * width, width);
            }
        },
        10.0 * static_cast<double>(kPoints * k) * static_cast<double>(columns));
    return by_point;
}

/// Tiles that are worked on together: what they need stays near the processor, and there is some for every thread.
std::int64_t tiles_at_once(std::int64_t channels, std::int64_t n_tiles) {
    constexpr std::int64_t kBytes = 600'000, kFewestShares = 4;
    const std::int64_t near =
        std::clamp<std::int64_t>(kBytes / (kPoints * 4 * channels) / kRows * kRows, 3 * kRows, 8 * kRows);
    return std::min(near, std::max<std::int64_t>(n_tiles / kFewestShares / kRows, 1) * kRows);
}

/// Every element of it is written before it is read.
std::unique_ptr<float[]> uninitialized(std::int64_t n) {
    return std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(n));
}

/// Where the tiles of n images lie.
struct Tiling {
    std::int64_t height, width, tiles_y, tiles_x, kernel, result;

    /// The rows under tile t of `image` [image][height·width][channels], from `from` before the tile's corner on, `side` each
    /// way; null outside.
    template <class T>
    void rows(T* image, std::int64_t channels, std::int64_t t, std::int64_t from, std::int64_t side, T** out) const {
        const std::int64_t of = t / (tiles_y * tiles_x), y0 = t / tiles_x % tiles_y * result - from,
                           x0 = t % tiles_x * result - from;
        for (std::int64_t y = y0; y < y0 + side; ++y) {
            for (std::int64_t x = x0; x < x0 + side; ++x) {
                const bool inside = y >= 0 && y < height && x >= 0 && x < width;
                *out++ = inside ? image + ((of * height + y) * width + x) * channels : nullptr;
            }
        }
    }
};

/// Σ over tiles of (inputs in the basis) ⊗ (gradients in the basis), point by point.
class Products {
public:
    Products(Team* team, const Tiling& tiling, const at::Tensor& x, const at::Tensor& of_result)
        : team_(team),
          tiling_(tiling),
          x_(x),
          d_(of_result),
          k_(x.size(1)),
          columns_(of_result.size(1)),
          k_step_(padded<float>(k_)),
          column_step_(padded<float>(columns_)),
          n_tiles_(x.size(0) * tiling.tiles_y * tiling.tiles_x),
          at_once_(2 * tiles_at_once(k_step_ + column_step_, n_tiles_)),
          cut_(panels(columns_, kLanes<float>)) {}

    /// [slice][point][k][padded columns], to be summed over slices. How the work is cut depends on sizes alone, so that no thread
    /// count changes a digit.
    at::Tensor sums() const {
        constexpr std::int64_t kSlices = 4, kSmall = 250'000;
        const std::int64_t size = kPoints * k_ * column_step_;
        if (size > kSmall) return by_points();
        at::Tensor sums = at::zeros({kSlices, kPoints, k_, column_step_}, x_.options());
        float* to = sums.mutable_data_ptr<float>();
        parallel_for(team_, kSlices, 1, [&](std::int64_t begin, std::int64_t end) {
            Buffers buffers(*this);
            for (std::int64_t slice = begin; slice < end; ++slice) {
                const std::int64_t last = n_tiles_ * (slice + 1) / kSlices;
                for (std::int64_t first = n_tiles_ * slice / kSlices; first < last; first += at_once_) {
                    const std::int64_t tiles = std::min(at_once_, last - first);
                    for (std::int64_t t = 0; t < tiles; ++t) transform(first, t, buffers);
                    for (std::int64_t p = 0; p < kPoints; ++p) add(p, tiles, buffers, to + slice * size);
                }
            }
        });
        return sums;
    }

private:
    struct Buffers {
        explicit Buffers(const Products& p)
            : in(uninitialized(kPoints * p.at_once_ * p.k_step_)),
              out(uninitialized(kPoints * p.at_once_ * p.column_step_)) {}
        std::unique_ptr<float[]> in, out;  // [point][tile][channel]
    };

    /// Large sums exist once: threads share the tiles, then the points.
    at::Tensor by_points() const {
        at::Tensor sums = at::zeros({1, kPoints, k_, column_step_}, x_.options());
        float* to = sums.mutable_data_ptr<float>();
        Buffers buffers(*this);
        for (std::int64_t first = 0; first < n_tiles_; first += at_once_) {
            const std::int64_t tiles = std::min(at_once_, n_tiles_ - first);
            parallel_for(team_, tiles, kRows, [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t t = begin; t < end; ++t) transform(first, t, buffers);
            });
            parallel_for(team_, kPoints, 1, [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t p = begin; p < end; ++p) add(p, tiles, buffers, to);
            });
        }
        return sums;
    }

    void transform(std::int64_t first, std::int64_t t, Buffers& buffers) const {
        const float* rows[kPoints];
        tiling_.rows(x_.const_data_ptr<float>(), k_, first + t, tiling_.kernel / 2, kTileSide, rows);
        tile_of_inputs(rows, k_, buffers.in.get() + t * k_step_, at_once_ * k_step_);
        tiling_.rows(d_.const_data_ptr<float>(), columns_, first + t, 0, tiling_.result, rows);
        tile_of_gradients(rows, static_cast<int>(tiling_.result), columns_, buffers.out.get() + t * column_step_,
                          at_once_ * column_step_);
    }

    void add(std::int64_t p, std::int64_t tiles, const Buffers& buffers, float* to) const {
        std::vector<const float*> a(static_cast<std::size_t>(tiles)), b(static_cast<std::size_t>(tiles));
        for (std::int64_t t = 0; t < tiles; ++t) {
            a[static_cast<std::size_t>(t)] = buffers.in.get() + (p * at_once_ + t) * k_step_;
            b[static_cast<std::size_t>(t)] = buffers.out.get() + (p * at_once_ + t) * column_step_;
        }
        const Kernels<float>& kernel = *kernels<float>();
        for (const Panel& panel : cut_) {
            for (std::int64_t block = 0; block < k_; block += kRows) {
                const int r = static_cast<int>(std::min<std::int64_t>(kRows, k_ - block));
                kernel.sum({a.data(), b.data(), tiles, block, panel.begin, r, panel.n_vectors, kLanes<float>,
                            to + (p * k_ + block) * column_step_ + panel.begin, column_step_});
            }
        }
    }

    Team* team_;
    const Tiling& tiling_;
    const at::Tensor &x_, &d_;
    std::int64_t k_, columns_, k_step_, column_step_, n_tiles_, at_once_;
    std::vector<Panel> cut_;
};

}  // namespace

bool Winograd::suits(const Convolution& c, const Grid& in) {
    const at::Tensor& w = c.weight;
    const std::int64_t k = w.size(2);
    if (w.scalar_type() != at::kFloat || (k != 3 && k != 5) || w.size(3) != k || c.stride != 1 || c.padding != k / 2)
        return false;
    if (w.size(0) < kLanes<float> || w.size(1) < kLanes<float>) return false;
    const std::int64_t result = kTileSide + 1 - k;
    const auto covered = [&](std::int64_t size) { return (size + result - 1) / result * result; };
    return covered(in.height) * covered(in.width) <= 2 * in.height * in.width;
}

Winograd::Winograd(const at::Tensor& weight, const Grid& in, std::shared_ptr<Team> team)
    : team_(std::move(team)),
      weight_(weight),
      kernel_(weight.size(2)),
      result_(kTileSide + 1 - kernel_),
      height_(in.height),
      width_(in.width),
      tiles_y_((in.height + result_ - 1) / result_),
      tiles_x_((in.width + result_ - 1) / result_) {}

at::Tensor Winograd::forward(const at::Tensor& x, const float* start) const {
    if (!packed_.defined()) {
        const std::int64_t n_out = weight_.size(0), n_in = weight_.size(1), taps = kernel_ * kernel_;
        packed_ = packed_kernel(team_.get(), kernel_, n_in, n_out, {weight_.const_data_ptr<float>(), n_in * taps, taps}, false,
                                weight_.options());
    }
    return convolved(x, packed_, weight_.size(0), start);
}

at::Tensor Winograd::input_gradient(const at::Tensor& of_result) const {
    packed_.reset();  // forward is over; a later one packs again
    if (!packed_backward_.defined()) {
        const std::int64_t n_out = weight_.size(0), n_in = weight_.size(1), taps = kernel_ * kernel_;
        packed_backward_ = packed_kernel(team_.get(), kernel_, n_out, n_in, {weight_.const_data_ptr<float>(), taps, n_in * taps}, true,
                                         weight_.options());
    }
    return convolved(of_result, packed_backward_, weight_.size(1), nullptr);
}

at::Tensor Winograd::convolved(const at::Tensor& x, const at::Tensor& packed, std::int64_t columns,
                               const float* start) const {
    const std::int64_t n = x.size(0), k = x.size(1), k_step = padded<float>(k), column_step = padded<float>(columns);
    at::Tensor y = at::empty({n, columns, height_, width_}, x.options().memory_format(at::MemoryFormat::ChannelsLast));
    const float *from = x.const_data_ptr<float>(), *weights = packed.const_data_ptr<float>();
    float* to = y.mutable_data_ptr<float>();
    const Tiling tiling{height_, width_, tiles_y_, tiles_x_, kernel_, result_};
    const std::int64_t n_tiles = n * tiles_y_ * tiles_x_, at_once = tiles_at_once(k_step + column_step, n_tiles);
    const auto cut = panels(columns, kLanes<float>);
    const Kernels<float>& kernel = *kernels<float>();
    parallel_for(
        team_.get(), (n_tiles + at_once - 1) / at_once, 1,
        [&](std::int64_t begin, std::int64_t end) {
            const auto in = uninitialized(kPoints * at_once * k_step), out = uninitialized(kPoints * at_once * column_step);
            const float* input_rows[kPoints];
            float* result_rows[kPoints];
            for (std::int64_t unit = begin; unit < end; ++unit) {
                const std::int64_t first = unit * at_once, tiles = std::min(at_once, n_tiles - first);
                for (std::int64_t t = 0; t < tiles; ++t) {
                    tiling.rows(from, k, first + t, kernel_ / 2, kTileSide, input_rows);
                    tile_of_inputs(input_rows, k, in.get() + t * k_step, at_once * k_step);
                }
                for (std::int64_t p = 0; p < kPoints; ++p) {
                    for (const Panel& panel : cut) {
                        const float* b = weights + panel.offset * kLanes<float> * kPoints * k +
                                         p * k * panel.n_vectors * kLanes<float>;
                        for (std::int64_t t = 0; t < tiles; t += kRows) {
                            const int r = static_cast<int>(std::min<std::int64_t>(kRows, tiles - t));
                            const float* a[kRows];
                            float* c[kRows];
                            for (int i = 0; i < r; ++i) {
                                a[i] = in.get() + (p * at_once + t + i) * k_step;
                                c[i] = out.get() + (p * at_once + t + i) * column_step + panel.begin;
                            }
                            kernel.rows({a, r, panel.n_vectors, 1, k, &b, nullptr, c, panel.n_vectors * kLanes<float>});
                        }
                    }
                }
                for (std::int64_t t = 0; t < tiles; ++t) {
                    tiling.rows(to, columns, first + t, 0, result_, result_rows);
                    tile_to_results(out.get() + t * column_step, at_once * column_step, static_cast<int>(result_),
                                    start, result_rows, columns);
                }
            }
        },
        static_cast<double>(n_tiles * kPoints * k) * static_cast<double>(columns));
    return y;
}

at::Tensor Winograd::weight_gradient(const at::Tensor& of_result, const at::Tensor& x) const {
    const Tiling tiling{height_, width_, tiles_y_, tiles_x_, kernel_, result_};
    const at::Tensor points = Products(team_.get(), tiling, x, of_result).sums();
    const std::int64_t k = x.size(1), columns = of_result.size(1), taps = kernel_ * kernel_, row = padded<float>(columns);
    const at::Tensor by_tap = at::empty({taps, k, row}, x.options());
    const std::vector<float> basis = kernel_basis(kernel_);
    const float* from = points.const_data_ptr<float>();
    float* to = by_tap.mutable_data_ptr<float>();
    parallel_for(
        team_.get(), k, 8,
        [&](std::int64_t begin, std::int64_t end) {
            kernel_from_points(from + begin * row, points.size(0), kPoints * k * row, k * row,
                               static_cast<int>(kernel_), basis.data(), to + begin * row, k * row, (end - begin) * row);
        },
        10.0 * static_cast<double>(kPoints * k * row));
    at::Tensor gradient = at::empty({columns, k, kernel_, kernel_}, x.options());
    unpack<float>(team_.get(), Taps::all(taps), k, columns, to, gradient.mutable_data_ptr<float>());
    return gradient;
}

}  // namespace dv::temporal::fast

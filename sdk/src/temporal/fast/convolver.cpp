#include "convolver.hpp"

#include "dtype.hpp"
#include "panels.hpp"

#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace dv::temporal::fast {

namespace {

constexpr std::int64_t kChunk = 64;       // rows that share a panel while it is in the cache
constexpr std::int64_t kSmallChunk = 16, kFewestChunks = 12;  // fewer chunks are small ones, so that threads can share them
constexpr std::int64_t kPositions = 256;  // summed over at a time for a weight gradient
constexpr std::int64_t kFewRows = 4, kFewChannels = 8;
constexpr std::int64_t kSmallImage = 16;  // rows; below, the same place of all images comes before the next place

/// Rows of n images in the order in which they are worked through.
class Rows {
public:
    Rows(const Gather& gather, std::int64_t n) : g_(gather), n_(n), small_(gather.n_rows <= kSmallImage) {}
    std::int64_t count() const { return n_ * g_.n_rows; }
    std::int64_t image(std::int64_t i) const { return small_ ? i % n_ : i / g_.n_rows; }
    std::int64_t place(std::int64_t i) const { return small_ ? i / n_ : i % g_.n_rows; }

private:
    const Gather& g_;
    std::int64_t n_;
    bool small_;
};

/// y[row] = start + Σ_tap x[source of row at tap] · panel[tap].
template <class T>
void apply_rows(Team* team, const Gather& g, const T* x, std::int64_t k, std::int64_t n, const T* packed, const T* start, T* y,
                std::int64_t columns) {
    const auto cut = panels(columns, kLanes<T>);
    const Rows rows(g, n);
    const auto n_panels = static_cast<std::int64_t>(cut.size());
    const std::int64_t chunk = rows.count() * n_panels < kFewestChunks * kChunk ? kSmallChunk : kChunk,
                       chunks = (rows.count() + chunk - 1) / chunk;
    const std::vector<T> zeros(static_cast<std::size_t>(k), T{0});
    const Kernels<T>& kernel = *kernels<T>();
    parallel_for(
        team, chunks * n_panels, 1,
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<const T*> a(static_cast<std::size_t>(g.n_taps * kRows)), b(static_cast<std::size_t>(g.n_taps));
            T* c[kRows];
            for (std::int64_t unit = begin; unit < end; ++unit) {
                const Panel& panel = cut[static_cast<std::size_t>(unit / chunks)];
                const std::int64_t from = unit % chunks * chunk, to = std::min(from + chunk, rows.count());
                const T* weights = packed + panel.offset * kLanes<T> * g.taps.used * k;
                for (std::int64_t at = from; at < to; at += kRows) {
                    const int r = static_cast<int>(std::min<std::int64_t>(kRows, to - at));
                    std::int64_t used = 0;
                    const std::int32_t* source[kRows];
                    const T* image[kRows];
                    for (int i = 0; i < r; ++i) {
                        const std::int64_t place = rows.place(at + i), of = rows.image(at + i);
                        source[i] = g.source.data() + place * g.n_taps;
                        image[i] = x + of * g.n_source_rows * k;
                        c[i] = y + (of * g.n_rows + g.order[static_cast<std::size_t>(place)]) * columns + panel.begin;
                    }
                    for (std::int64_t tap = 0; tap < g.n_taps; ++tap) {
                        const std::int64_t slot = g.taps.slot[static_cast<std::size_t>(tap)];
                        if (slot < 0) continue;
                        bool any = false;
                        const T** to_a = a.data() + used * r;
                        for (int i = 0; i < r; ++i) {
                            const std::int32_t s = source[i][tap];
                            any = any || s >= 0;
                            to_a[i] = s >= 0 ? image[i] + s * k : zeros.data();
                        }
                        if (!any) continue;
                        b[static_cast<std::size_t>(used)] = weights + slot * k * panel.n_vectors * kLanes<T>;
                        ++used;
                    }
                    kernel.rows({a.data(), r, panel.n_vectors, used, k, b.data(), start ? start + panel.begin : nullptr,
                                 c, static_cast<int>(panel.width)});
                }
            }
        },
        static_cast<double>(rows.count() * g.taps.used * k) * static_cast<double>(columns));
}

/// Operands of a weight gradient: x and d are [image·row][channel].
template <class T>
struct Products {
    const Gather& g;
    const T* x;
    std::int64_t k;  ///< channels of x
    const T* d;
    std::int64_t columns;  ///< channels of d
    std::int64_t n;        ///< images
    std::int64_t padded() const { return fast::padded<T>(columns); }
    std::int64_t sums() const { return g.taps.used * k * padded(); }
    std::int64_t blocks() const { return (k + kRows - 1) / kRows; }
};

/// The part of a sum that one thread works on at a time.
struct Part {
    std::int64_t first_row, last_row;
    std::int64_t first_tap, last_tap;
    std::int64_t first_block, last_block;  ///< of kRows channels of x
};

/// sums [used tap][k][padded columns] += Σ over rows x[source] ⊗ d[row], in pieces of rows that stay in the cache for all taps.
template <class T>
void add_products(const Products<T>& p, const Part& part, T* sums) {
    const auto cut = panels(p.columns, kLanes<T>);
    const Rows rows(p.g, p.n);
    const Kernels<T>& kernel = *kernels<T>();
    const T *a[kPositions], *b[kPositions];
    for (std::int64_t from = part.first_row; from < part.last_row; from += kPositions) {
        const std::int64_t to = std::min(from + kPositions, part.last_row);
        for (std::int64_t tap = part.first_tap; tap < part.last_tap; ++tap) {
            const std::int64_t slot = p.g.taps.slot[static_cast<std::size_t>(tap)];
            if (slot < 0) continue;
            std::int64_t filled = 0;
            for (std::int64_t row = from; row < to; ++row) {
                const std::int64_t place = rows.place(row), of = rows.image(row);
                const std::int32_t s = p.g.source[static_cast<std::size_t>(place * p.g.n_taps + tap)];
                if (s < 0) continue;
                a[filled] = p.x + (of * p.g.n_source_rows + s) * p.k;
                b[filled] = p.d + (of * p.g.n_rows + p.g.order[static_cast<std::size_t>(place)]) * p.columns;
                ++filled;
            }
            if (filled == 0) continue;
            for (const Panel& panel : cut) {
                const int last_width = static_cast<int>(panel.width - (panel.n_vectors - 1) * kLanes<T>);
                for (std::int64_t block = part.first_block; block < part.last_block; ++block) {
                    const int r = static_cast<int>(std::min<std::int64_t>(kRows, p.k - block * kRows));
                    kernel.sum({a, b, filled, block * kRows, panel.begin, r, panel.n_vectors, last_width,
                                sums + (slot * p.k + block * kRows) * p.padded() + panel.begin, p.padded()});
                }
            }
        }
    }
}

/// [used tap][k][padded columns]. How the work is cut depends on sizes alone, so that no thread count changes a digit.
template <class T>
at::Tensor products(Team* team, const Products<T>& p, at::TensorOptions options) {
    const std::int64_t n_rows = Rows(p.g, p.n).count();
    const double work = static_cast<double>(n_rows * p.g.taps.used * p.k) * static_cast<double>(p.columns);
    constexpr std::int64_t kSlices = 4;
    const std::int64_t data = p.n * (p.g.n_source_rows * p.k + p.g.n_rows * p.columns);
    if (kSlices * p.sums() < data) {  // many rows: every slice has sums of its own
        at::Tensor sums = at::empty({kSlices, p.g.taps.used, p.k, p.padded()}, options);
        T* to = sums.mutable_data_ptr<T>();
        parallel_for(
            team, kSlices, 1,
            [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t i = begin; i < end; ++i) {
                    std::fill(to + i * p.sums(), to + (i + 1) * p.sums(), T{0});
                    add_products(p, {n_rows * i / kSlices, n_rows * (i + 1) / kSlices, 0, p.g.n_taps, 0, p.blocks()},
                                 to + i * p.sums());
                }
            },
            work);
        return sums.sum(0);
    }
    at::Tensor sums = at::empty({p.g.taps.used, p.k, p.padded()}, options);
    T* to = sums.mutable_data_ptr<T>();
    const std::int64_t group = std::max<std::int64_t>(1, p.blocks() / 4), groups = (p.blocks() + group - 1) / group;
    parallel_for(
        team, p.g.n_taps * groups, 1,
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t unit = begin; unit < end; ++unit) {
                const std::int64_t tap = unit / groups, first = unit % groups * group,
                                   last = std::min(first + group, p.blocks());
                const std::int64_t slot = p.g.taps.slot[static_cast<std::size_t>(tap)];
                if (slot < 0) continue;
                std::fill(to + (slot * p.k + first * kRows) * p.padded(),
                          to + (slot * p.k + std::min(last * kRows, p.k)) * p.padded(), T{0});
                add_products(p, {0, n_rows, tap, tap + 1, first, last}, to);
            }
        },
        work);
    return sums;
}

Taps used_taps(std::int64_t n_taps, const std::vector<std::int32_t>& source) {
    Taps taps{std::vector<std::int32_t>(static_cast<std::size_t>(n_taps), -1), 0};
    for (std::size_t i = 0; i < source.size(); ++i) {
        if (source[i] >= 0) taps.slot[i % taps.slot.size()] = 0;
    }
    for (std::int32_t& slot : taps.slot) {
        if (slot >= 0) slot = static_cast<std::int32_t>(taps.used++);
    }
    return taps;
}

/// Sorts rows by the taps they use, keeping their order otherwise.
Gather sorted(std::int64_t n_rows, std::int64_t n_source_rows, std::int64_t n_taps,
              const std::vector<std::int32_t>& source, const std::vector<std::int32_t>& kind) {
    Gather g{n_rows, n_source_rows, n_taps, used_taps(n_taps, source),
             std::vector<std::int32_t>(static_cast<std::size_t>(n_rows)), {}};
    std::iota(g.order.begin(), g.order.end(), 0);
    std::stable_sort(g.order.begin(), g.order.end(), [&](std::int32_t a, std::int32_t b) {
        return kind[static_cast<std::size_t>(a)] < kind[static_cast<std::size_t>(b)];
    });
    for (const std::int32_t row : g.order) {
        const auto* from = source.data() + row * n_taps;
        g.source.insert(g.source.end(), from, from + n_taps);
    }
    return g;
}

Gather forward_gather(const Grid& in, const Grid& out, const Convolution& c, std::int64_t ky, std::int64_t kx) {
    std::vector<std::int32_t> source;
    for (std::int64_t y = 0; y < out.height; ++y) {
        for (std::int64_t x = 0; x < out.width; ++x) {
            for (std::int64_t tap = 0; tap < ky * kx; ++tap) {
                const std::int64_t sy = y * c.stride - c.padding + tap / kx, sx = x * c.stride - c.padding + tap % kx;
                const bool inside = sy >= 0 && sy < in.height && sx >= 0 && sx < in.width;
                source.push_back(inside ? static_cast<std::int32_t>(sy * in.width + sx) : -1);
            }
        }
    }
    const std::int64_t n = out.height * out.width;
    return sorted(n, in.height * in.width, ky * kx, source, std::vector<std::int32_t>(static_cast<std::size_t>(n), 0));
}

/// Rows of the input, from rows of the result. With a stride, inputs of the same parity use the same taps.
Gather backward_gather(const Grid& in, const Grid& out, const Convolution& c, std::int64_t ky, std::int64_t kx) {
    std::vector<std::int32_t> source, kind;
    for (std::int64_t y = 0; y < in.height; ++y) {
        for (std::int64_t x = 0; x < in.width; ++x) {
            for (std::int64_t tap = 0; tap < ky * kx; ++tap) {
                const std::int64_t sy = y + c.padding - tap / kx, sx = x + c.padding - tap % kx;
                const bool inside = sy >= 0 && sx >= 0 && sy % c.stride == 0 && sx % c.stride == 0 &&
                                    sy / c.stride < out.height && sx / c.stride < out.width;
                source.push_back(inside ? static_cast<std::int32_t>(sy / c.stride * out.width + sx / c.stride) : -1);
            }
            kind.push_back(static_cast<std::int32_t>(y % c.stride * c.stride + x % c.stride));
        }
    }
    return sorted(in.height * in.width, out.height * out.width, ky * kx, source, kind);
}

}  // namespace

bool Convolver::suits(const Convolution& convolution, at::ScalarType type) {
    const bool has_kernels =
        type == at::kFloat ? kernels<float>() != nullptr : type == at::kDouble && kernels<double>();
    return has_kernels && convolution.groups == 1 && convolution.weight.size(1) >= kFewChannels &&
           convolution.weight.device().is_cpu() && convolution.weight.scalar_type() == type;
}

Convolver::Convolver(const Convolution& convolution, const Grid& in, std::shared_ptr<Team> team)
    : team_(std::move(team)),
      weight_(convolution.weight.detach().contiguous()),
      in_(in),
      out_(grid_after(convolution, in)),
      ky_(weight_.size(2)),
      kx_(weight_.size(3)),
      stride_(convolution.stride),
      padding_(convolution.padding),
      forward_(forward_gather(in, out_, convolution, ky_, kx_)),
      backward_(backward_gather(in, out_, convolution, ky_, kx_)) {
    with_type_of<float, double>(weight_.scalar_type(), [&]<class T>(T) {
        if (Winograd::suits(convolution, in)) winograd_ = std::make_unique<Winograd>(weight_, in, team_);
        if (!convolution.bias.defined()) return;
        padded_bias_ = at::zeros({padded<T>(out_.channels)}, weight_.options());
        padded_bias_.narrow(0, 0, out_.channels).copy_(convolution.bias.detach());
    });
}

Convolver::~Convolver() = default;

at::Tensor Convolver::forward(const at::Tensor& x) const {
    const std::int64_t n = x.size(0);
    if (winograd_ && winograd_->suits_batch(n)) {
        return winograd_->forward(x, padded_bias_.defined() ? padded_bias_.const_data_ptr<float>() : nullptr);
    }
    at::Tensor y = at::empty({n, out_.channels, out_.height, out_.width},
                             x.options().memory_format(at::MemoryFormat::ChannelsLast));
    with_type_of<float, double>(weight_.scalar_type(), [&]<class T>(T) {
        apply_rows<T>(team_.get(), forward_, x.const_data_ptr<T>(), in_.channels, n, packed().const_data_ptr<T>(),
                      padded_bias_.defined() ? padded_bias_.const_data_ptr<T>() : nullptr, y.mutable_data_ptr<T>(),
                      out_.channels);
    });
    return y;
}

const at::Tensor& Convolver::packed() const {
    if (!packed_.defined()) {
        with_type_of<float, double>(weight_.scalar_type(), [&]<class T>(T) {
            const std::int64_t n_in = in_.channels, n_taps = ky_ * kx_;
            packed_ = pack<T>(team_.get(), forward_.taps, n_in, out_.channels, {weight_.const_data_ptr<T>(), n_in * n_taps, n_taps},
                              weight_.options());
        });
    }
    return packed_;
}

const at::Tensor& Convolver::packed_backward() const {
    packed_.reset();  // forward is over; a later one packs again
    if (!packed_backward_.defined()) {
        with_type_of<float, double>(weight_.scalar_type(), [&]<class T>(T) {
            const std::int64_t n_in = in_.channels, n_taps = ky_ * kx_;
            packed_backward_ = pack<T>(team_.get(), backward_.taps, out_.channels, n_in,
                                       {weight_.const_data_ptr<T>(), n_taps, n_in * n_taps}, weight_.options());
        });
    }
    return packed_backward_;
}

at::Tensor Convolver::input_gradient(const at::Tensor& of_result) const {
    const std::int64_t n = of_result.size(0);
    if (winograd_ && winograd_->suits_batch(n)) return winograd_->input_gradient(of_result);
    if (stride_ > 1 && out_.height * out_.width > kFewRows) {
        // Few rows share a tap there, and oneDNN's strided kernel is better than rows of pointers.
        const std::int64_t padding[] = {padding_, padding_}, stride[] = {stride_, stride_}, one[] = {1, 1},
                           none[] = {0, 0};
        const at::Tensor x = at::empty({1}, of_result.options()).expand({n, in_.channels, in_.height, in_.width});
        return std::get<0>(at::convolution_backward(of_result, x, weight_, std::nullopt, stride, padding, one, false,
                                                    none, 1, {true, false, false}))
            .contiguous(at::MemoryFormat::ChannelsLast);
    }
    at::Tensor dx = at::empty({n, in_.channels, in_.height, in_.width},
                              of_result.options().memory_format(at::MemoryFormat::ChannelsLast));
    with_type_of<float, double>(weight_.scalar_type(), [&]<class T>(T) {
        apply_rows<T>(team_.get(), backward_, of_result.const_data_ptr<T>(), out_.channels, n, packed_backward().const_data_ptr<T>(),
                      nullptr, dx.mutable_data_ptr<T>(), in_.channels);
    });
    return dx;
}

at::Tensor Convolver::weight_gradient(const at::Tensor& of_result, const at::Tensor& x) const {
    if (winograd_ && winograd_->suits_batch(x.size(0))) return winograd_->weight_gradient(of_result, x);
    at::Tensor gradient = at::empty({out_.channels, in_.channels, ky_, kx_}, x.options());
    with_type_of<float, double>(weight_.scalar_type(), [&]<class T>(T) {
        const at::Tensor sums = products<T>(
            team_.get(), {forward_, x.const_data_ptr<T>(), in_.channels, of_result.const_data_ptr<T>(), out_.channels, x.size(0)},
            x.options());
        unpack<T>(team_.get(), forward_.taps, in_.channels, out_.channels, sums.const_data_ptr<T>(), gradient.mutable_data_ptr<T>());
    });
    return gradient;
}

}  // namespace dv::temporal::fast

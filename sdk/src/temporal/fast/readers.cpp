#include "readers.hpp"

#include "dtype.hpp"
#include "scan.hpp"

#include <ATen/ops/empty.h>

#include <limits>
#include <vector>

namespace dv::temporal::fast {

namespace {

/// The window of place (y, x) of a pool, cut at the image's edges.
struct Window {
    std::int64_t y0, x0, first_y, last_y, first_x, last_x;

    Window(const Pool& p, const Grid& in, std::int64_t y, std::int64_t x)
        : y0(y * p.stride - p.padding),
          x0(x * p.stride - p.padding),
          first_y(std::max<std::int64_t>(y0, 0)),
          last_y(std::min(y0 + p.kernel, in.height)),
          first_x(std::max<std::int64_t>(x0, 0)),
          last_x(std::min(x0 + p.kernel, in.width)) {}
};

/// One place of a max-pool for all channels. A NaN in the window is the result, as in ATen.
template <class T>
void pool_place(const Reader& r, const T* image, std::int64_t y, std::int64_t x, T* out, unsigned char* place,
                std::vector<accumulator_t<T>>& best) {
    using A = accumulator_t<T>;
    const std::int64_t channels = r.in.channels;
    const Window w(*r.pool, r.in, y, x);
    std::fill(best.begin(), best.end(), -std::numeric_limits<A>::infinity());
    std::fill(place, place + channels,
              static_cast<unsigned char>((w.first_y - w.y0) * r.pool->kernel + (w.first_x - w.x0)));
    for (std::int64_t sy = w.first_y; sy < w.last_y; ++sy) {
        for (std::int64_t sx = w.first_x; sx < w.last_x; ++sx) {
            const T* from = image + (sy * r.in.width + sx) * channels;
            const auto here = static_cast<unsigned char>((sy - w.y0) * r.pool->kernel + (sx - w.x0));
            for (std::int64_t c = 0; c < channels; ++c) {
                const A value = static_cast<A>(from[c]), so_far = best[static_cast<std::size_t>(c)];
                const bool better = value > so_far || value != value;
                best[static_cast<std::size_t>(c)] = better ? value : so_far;
                place[c] = better ? here : place[c];
            }
        }
    }
    for (std::int64_t c = 0; c < channels; ++c) out[c] = static_cast<T>(best[static_cast<std::size_t>(c)]);
}

template <class T>
void pool_images(Team* team, const Reader& r, const T* x, std::int64_t n, T* out, unsigned char* places) {
    const std::int64_t channels = r.in.channels, rows = n * r.out.height;
    parallel_for(
        team, rows, 4,
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<accumulator_t<T>> best(static_cast<std::size_t>(channels));
            for (std::int64_t row = begin; row < end; ++row) {
                const std::int64_t image = row / r.out.height, y = row % r.out.height;
                for (std::int64_t px = 0; px < r.out.width; ++px) {
                    const std::int64_t at = (row * r.out.width + px) * channels;
                    pool_place(r, x + image * r.in.units(), y, px, out + at, places + at, best);
                }
            }
        },
        static_cast<double>(n * r.out.units() * r.pool->kernel * r.pool->kernel));
}

std::int64_t nearest(std::int64_t i, std::int64_t in, std::int64_t out) { return i * in / out; }

/// body(place in the small image, place in the large one) for every place that a resize reads.
template <class Body>
void for_places(const Reader& r, const Body& body) {
    for (std::int64_t y = 0; y < r.out.height; ++y) {
        const std::int64_t sy = nearest(y, r.in.height, r.out.height);
        for (std::int64_t x = 0; x < r.out.width; ++x)
            body(y * r.out.width + x, sy * r.in.width + nearest(x, r.in.width, r.out.width));
    }
}

template <class T>
void pick_images(Team* team, const Reader& r, const T* x, std::int64_t n, T* out) {
    const std::int64_t channels = r.in.channels;
    parallel_for(
        team, n, 4,
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                for_places(r, [&](std::int64_t to, std::int64_t from) {
                    const T* source = x + i * r.in.units() + from * channels;
                    std::copy(source, source + channels, out + i * r.out.units() + to * channels);
                });
            }
        },
        static_cast<double>(n * r.out.units()));
}

template <class T>
void add_pool_gradient(Team* team, const Reader& r, const T* d, const unsigned char* places, std::int64_t n, T* to) {
    const std::int64_t channels = r.in.channels, k = r.pool->kernel;
    parallel_for(
        team, n, 1,
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<std::int64_t> offset(static_cast<std::size_t>(k * k));
            for (std::int64_t i = begin; i < end; ++i) {
                T* image = to + i * r.in.units();
                for (std::int64_t y = 0; y < r.out.height; ++y) {
                    for (std::int64_t x = 0; x < r.out.width; ++x) {
                        const Window w(*r.pool, r.in, y, x);
                        for (std::int64_t p = 0; p < k * k; ++p)
                            offset[static_cast<std::size_t>(p)] =
                                ((w.y0 + p / k) * r.in.width + w.x0 + p % k) * channels;
                        const std::int64_t at = i * r.out.units() + (y * r.out.width + x) * channels;
                        for (std::int64_t c = 0; c < channels; ++c) image[offset[places[at + c]] + c] += d[at + c];
                    }
                }
            }
        },
        4.0 * static_cast<double>(n * r.out.units()));
}

template <class T>
void add_pick_gradient(Team* team, const Reader& r, const T* d, std::int64_t n, T* to) {
    const std::int64_t channels = r.in.channels;
    parallel_for(
        team, n, 4,
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                for_places(r, [&](std::int64_t small, std::int64_t large) {
                    const T* from = d + i * r.out.units() + small * channels;
                    T* into = to + i * r.in.units() + large * channels;
                    for (std::int64_t c = 0; c < channels; ++c) into[c] += from[c];
                });
            }
        },
        static_cast<double>(n * r.out.units()));
}

}  // namespace

Reading read(Team* team, const Reader& r, const at::Tensor& activity) {
    const std::int64_t n = activity.size(0);
    Reading out;
    out.values = at::empty({n, r.out.channels, r.out.height, r.out.width},
                           activity.options().memory_format(at::MemoryFormat::ChannelsLast));
    if (r.pool) out.places = at::empty({out.values.numel()}, activity.options().dtype(at::kByte));
    with_type(activity.scalar_type(), [&]<class T>(T) {
        const T* x = activity.const_data_ptr<T>();
        T* to = out.values.mutable_data_ptr<T>();
        if (r.pool) {
            pool_images<T>(team, r, x, n, to, out.places.mutable_data_ptr<std::uint8_t>());
        } else {
            pick_images<T>(team, r, x, n, to);
        }
    });
    return out;
}

void add_gradient(Team* team, const Reader& r, const at::Tensor& of_reading, const at::Tensor& places, at::Tensor& to) {
    const std::int64_t n = of_reading.size(0);
    with_type(to.scalar_type(), [&]<class T>(T) {
        const T* d = of_reading.const_data_ptr<T>();
        if (r.pool) {
            add_pool_gradient<T>(team, r, d, places.const_data_ptr<std::uint8_t>(), n, to.mutable_data_ptr<T>());
        } else {
            add_pick_gradient<T>(team, r, d, n, to.mutable_data_ptr<T>());
        }
    });
}

}  // namespace dv::temporal::fast

#pragma once
/// What is read of a layer's activity behind its scan: pooled for the next layer, or picked for a connection.
///
/// Their gradients are small or sparse. They are spread over the activity's grid only for the steps at hand, so that no gradient
/// of the size of the whole activity comes to be.

#include "parallel.hpp"

#include <dv/temporal/circuit.hpp>

#include <ATen/core/Tensor.h>

namespace dv::temporal::fast {

/// One reader of activity [n, channel, y, x], channels-last: a max-pool, or nearest neighbours onto another grid.
struct Reader {
    std::optional<Pool> pool;  ///< unset: resize
    Grid in, out;

    static Reader max_pool(const Pool& pool, const Grid& in) { return {pool, in, grid_after(pool, in)}; }
    static Reader resize(const Grid& in, const Grid& out) {
        return {std::nullopt, in, {in.channels, out.height, out.width}};
    }
};

/// What a reader gives, and for a max-pool which place of its window it took, a byte each [n·y·x·channel].
struct Reading {
    at::Tensor values, places;
};
/// `team` as in parallel_for().
Reading read(Team* team, const Reader& reader, const at::Tensor& activity);

/// Adds the gradient by the activity, from that by the reading. `places` null for a resize. `to` [n, channel, y, x].
void add_gradient(Team* team, const Reader& reader, const at::Tensor& of_reading, const at::Tensor& places, at::Tensor& to);

}  // namespace dv::temporal::fast

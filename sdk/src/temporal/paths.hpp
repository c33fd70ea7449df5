#pragma once
/// What executors, validate() and describe() share about the paths of a circuit.

#include <dv/temporal/circuit.hpp>

#include <string>

namespace dv::temporal {

inline std::string text(const Grid& g) {
    return std::to_string(g.channels) + " x " + std::to_string(g.height) + " x " + std::to_string(g.width);
}

/// Grids along a layer's input path.
struct PathGrids {
    Grid input, middle, output;  // middle: what `second` gets; the output where there is no second convolution

    const Grid& at(RecurrenceTarget target) const {
        return target == RecurrenceTarget::input ? input : target == RecurrenceTarget::middle ? middle : output;
    }
};
PathGrids path_grids(const FeedForward& path, const Grid& in);

/// A source earlier in the list has stored this step's activity when it is read.
inline bool reads_after_store(const Connection& c) { return c.source < c.target; }
/// Which of the source's stored entries is read: the k-th newest at that moment.
inline std::int64_t entry_read(const Connection& c) { return reads_after_store(c) ? c.lag + 1 : c.lag; }

/// [batch, channel, y, x] on another grid, by the nearest neighbour: position i takes floor(i · in / out).
at::Tensor resized(const at::Tensor& x, const Grid& grid);

}  // namespace dv::temporal

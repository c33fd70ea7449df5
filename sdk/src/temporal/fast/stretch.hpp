#pragma once
/// A signal over a stretch of time, held as one tensor.

#include <dv/temporal/circuit.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace dv::temporal::fast {

/// A signal from step `begin` to `end`, absent before `first` and present from there on (a path that has begun to carry a signal
/// goes on doing so). Rows of `values` are steps, time before batch: [row·batch, channel, y, x].
///
/// A still image is one row that every step shows; maps are then applied once.
struct Stretch {
    std::int64_t begin = 0, end = 0;
    std::int64_t first = 0;  ///< == end: absent throughout, and `values` is undefined
    std::int64_t batch = 1;
    at::Tensor values;
    std::vector<std::int64_t> rows;  ///< the row of step first + i; empty: row i

    static Stretch absent(std::int64_t begin, std::int64_t end, std::int64_t batch) {
        return {begin, end, end, batch, {}, {}};
    }

    bool present() const { return first < end; }
    std::int64_t row(std::int64_t timestep) const {
        const std::int64_t i = timestep - first;
        return rows.empty() ? i : rows[static_cast<std::size_t>(i)];
    }
    /// [batch, channel, y, x]; undefined where absent.
    at::Tensor at(std::int64_t timestep) const;
    /// The part from `from` to `to`.
    Stretch slice(std::int64_t from, std::int64_t to) const;
    /// The same signal, `lag` steps later.
    Stretch delayed(std::int64_t lag) const;
    /// With a row of its own for each step.
    Stretch dense() const;
    /// `map` applied to every row.
    Stretch mapped(const std::function<at::Tensor(const at::Tensor&)>& map) const;
};

/// One after the other; each begins where the one before ends. An absent stretch comes only in front.
Stretch concatenated(const std::vector<Stretch>& parts);

/// x joined by y; where one of them is absent, the other alone.
Stretch joined(const Stretch& x, const Stretch& y, Integration how);

}  // namespace dv::temporal::fast

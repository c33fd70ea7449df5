#pragma once
/// What one layer has stored so far, over all steps of a run and those before it.

#include "stretch.hpp"

#include <dv/temporal/state.hpp>

namespace dv::temporal::fast {

class Track {
public:
    /// Begins with what `history` holds: its newest entry was stored at step −1.
    Track(const History& history, std::int64_t batch);

    void append(Stretch stored);
    /// As if `signal` had been stored at every step before `timestep`, as far back as anything is kept.
    void overwrite(std::int64_t timestep, const at::Tensor& signal);
    /// What was stored from step `from` to `to`; absent where nothing was kept. Precondition: `to` is not after what is stored.
    Stretch between(std::int64_t from, std::int64_t to) const;
    /// The newest entries, as many as the history it began with could keep.
    History newest() const;

private:
    std::int64_t begin() const { return parts_.empty() ? 0 : parts_.front().begin; }
    std::int64_t end() const { return parts_.empty() ? 0 : parts_.back().end; }

    std::int64_t batch_, capacity_;
    std::int64_t stored_before_ = 0;  // entries of the history, absent ones included
    std::vector<Stretch> parts_;      // one after the other
};

}  // namespace dv::temporal::fast

#pragma once
/// Signals on their way to a recorder or to probes.

#include "stretch.hpp"

#include <dv/temporal/run.hpp>

namespace dv::temporal::fast {

/// Hands out what is asked for while stretches are computed. Steps are counted from the first one of the run.
class Observers {
public:
    Observers(const Circuit& circuit, const RunOptions& options, std::int64_t n_timesteps);

    /// From now on step 0 of a stretch is step `offset` of the run.
    void start_at(std::int64_t offset) { offset_ = offset; }
    /// What operation `operation` of `layer` gives.
    void see(std::size_t layer, std::size_t operation, const Stretch& signal);
    std::vector<Signal> probed() const;

private:
    void record(std::size_t layer, const Stretch& signal);

    const Circuit& circuit_;
    const RunOptions& options_;
    std::int64_t n_timesteps_, offset_ = 0;
    std::vector<bool> wanted_;                  // [layer · n_timesteps + timestep]
    std::vector<std::vector<Stretch>> probed_;  // per probe
};

}  // namespace dv::temporal::fast

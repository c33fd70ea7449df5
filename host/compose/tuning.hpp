#pragma once
/// Searches for a learning rate and a batch size, by short trials. Afterwards the experiment is as it was: weights, optimizer state,
/// gradients, random states, settings.

#include "loops/experiment.hpp"

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace dvhost::compose {

// ---- Learning rate: L. N. Smith, Cyclical Learning Rates for Training Neural Networks (2017), section 3.3 --------------------------

struct LrSearch {
    double min_lr = 1e-8, max_lr = 1.0;
    std::int64_t steps = 100;  ///< optimizer steps
    bool exponential = true;   ///< min · (max / min)^(i / steps); else min + (max - min) · i / steps
    double early_stop_threshold = 4.0;  ///< ends when the smoothed loss is so many times the best; 0: never

    /// Of the i-th step, counted from 0.
    double rate(std::int64_t i) const;
};

struct LrCurve {
    std::vector<double> lr;
    std::vector<double> loss;  ///< smoothed: exponential mean with beta 0.98, bias corrected
    std::optional<std::size_t> suggestion;  ///< index; none when there are too few points
    bool stopped_early = false;
};

/// Trains with a rate that grows from step to step. Throws dv::Error for other than one optimizer, and what training throws.
LrCurve find_lr(loops::Experiment& experiment, const LrSearch& search);

/// Where the loss falls most steeply, without the first `skip_begin` and the last `skip_end` points; none when fewer than two are left.
std::optional<std::size_t> steepest(const std::vector<double>& loss, std::size_t skip_begin = 10, std::size_t skip_end = 1);

// ---- Batch size --------------------------------------------------------------------------------------------------------------------

struct BatchSizeSearch {
    bool bisect = false;  ///< after doubling, look between the last that fits and the first that does not
    std::int64_t steps_per_trial = 3;
    std::int64_t first = 2, most = 8192;
    std::int64_t max_trials = 25;
    double margin = 0.05;  ///< of a bisected size; left free
};

struct BatchSizeResult {
    struct Trial {
        std::int64_t size = 0;
        bool fits = false;
    };
    std::int64_t size = 0;  ///< what is recommended
    std::vector<Trial> trials;
    std::string ended_because;
};

/// Asks `fits` for sizes up to `n_samples`. Throws dv::Error when not even the first fits.
BatchSizeResult find_batch_size(const BatchSizeSearch& search, std::int64_t n_samples, const std::function<bool(std::int64_t)>& fits);

/// Trains for `steps` steps with batches of `size`; false when memory runs out. Throws what else goes wrong.
bool batch_fits(loops::Experiment& experiment, std::int64_t size, std::int64_t steps);

/// Of an allocator on the host or a device, also when a component's door has made a text of it.
bool is_out_of_memory(const std::exception& error);

/// For its lifetime the process gets only so much more memory than it has, so that an allocation fails before the system has to end
/// the process. The soft limit RLIMIT_DATA, for all threads.
class MemoryCap {
public:
    /// In bytes; absent: nearly all that the system calls available.
    explicit MemoryCap(std::optional<std::uint64_t> more);
    ~MemoryCap();
    MemoryCap(const MemoryCap&) = delete;
    MemoryCap& operator=(const MemoryCap&) = delete;

private:
    std::uint64_t former_ = 0;
    bool is_set_ = false;
};

}  // namespace dvhost::compose

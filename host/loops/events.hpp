#pragma once
/// Tells callbacks what happens. Each callback was asked once which phases it wants; a phase nobody wants costs one comparison.

#include "loops/callback.hpp"
#include "loops/metric_store.hpp"
#include "loops/progress.hpp"
#include "loops/stop_rule.hpp"

#include <dv/abi.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dvhost::loops {

/// What the loops know at this moment besides Progress; they keep it up to date.
struct RunContext {
    std::uint32_t stage = DV_STAGE_NONE;
    std::int64_t batch_idx = 0;
    std::int64_t n_batches = -1;
    double stage_start = 0.0;  ///< monotonic [s]
    bool log_due = false;
    bool has_validation = false;
    std::vector<std::pair<std::string, double>> learning_rates;
};

class Events {
public:
    /// Callbacks in manifest order. What is referred to must outlive this object.
    Events(std::vector<std::shared_ptr<Callback>> callbacks, MetricStore& metrics, StopRule& stop, const Progress& progress,
           const RunContext& context);

    /// All callbacks that want `phase`, in manifest order.
    void operator()(std::uint32_t phase, std::string_view message = {});
    /// Only those that watch (monitors), or only the others: the two halves of an epoch's end.
    void watching(std::uint32_t phase);
    void not_watching(std::uint32_t phase);
    bool wanted(std::uint32_t phase) const { return !by_phase_[phase].empty(); }

private:
    enum class Who { all, watching, others };
    void tell(std::uint32_t phase, Who who, std::string_view message);
    static void log(void* self, dv_str name, double value);
    static void stop(void* self, dv_str reason);

    std::vector<std::shared_ptr<Callback>> callbacks_;
    std::array<std::vector<Callback*>, DV_N_PHASES> by_phase_;
    MetricStore& metrics_;
    StopRule& stop_;
    const Progress& progress_;
    const RunContext& context_;
};

/// Monotonic seconds.
double now();

}  // namespace dvhost::loops

#pragma once
/// Tells callbacks and the model what happens. Each was asked once which phases it wants; a phase nobody wants costs one comparison.

#include "loops/callback.hpp"
#include "loops/epoch_values.hpp"
#include "loops/experiment.hpp"
#include "loops/metric_store.hpp"
#include "loops/progress.hpp"
#include "loops/stop_rule.hpp"

#include <dv/abi.h>

#include <array>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dvhost::loops {

/// What the loops know at this moment besides Progress; they keep it up to date.
struct RunContext {
    std::uint32_t stage = DV_STAGE_NONE;
    std::int64_t batch_idx = 0;
    std::int64_t n_batches = -1;
    std::size_t dataloader_idx = 0, n_loaders = 1;  ///< of an evaluation's sources
    double stage_start = 0.0;  ///< monotonic [s]
    bool log_due = false;
    bool has_validation = false;
    bool accumulating = false;              ///< this batch does not end its window
    bool validates_each_epoch_end = false;  ///< once per epoch, at its end
    const dv::Batch* batch = nullptr;
    const dv::StepOutput* output = nullptr;
};

class Events {
public:
    /// What is referred to must outlive this object.
    Events(Experiment& experiment, MetricStore& metrics, StopRule& stop, const Progress& progress, const RunContext& context);

    /// All callbacks that want `phase`, in manifest order, then the model.
    void operator()(std::uint32_t phase, std::string_view message = {});
    /// Only those that watch (monitors), or only the others and the model: the two halves of an epoch's end.
    void watching(std::uint32_t phase);
    void not_watching(std::uint32_t phase);
    bool wanted(std::uint32_t phase) const { return !by_phase_[phase].empty() || model_wants(phase); }

    /// Who sets rates, once there is somebody; null: nobody.
    void set_schedules(ScheduleSet* schedules) { schedules_ = schedules; }
    /// Whether somebody asked, in on_train_batch_start, to leave the rest of the epoch out. Forgets it.
    bool take_skip_epoch() { return std::exchange(skip_epoch_, false); }

    /// What was logged by epoch: of training, and of the evaluation in hand.
    EpochValues& train_values() { return train_values_; }
    const EpochValues& train_values() const { return train_values_; }
    EpochValues& evaluation_values() { return evaluation_values_; }

private:
    enum class Who { all, watching, others };
    void tell(std::uint32_t phase, Who who, std::string_view message);
    /// Valid until it is asked for again.
    dv_run view(std::string_view message);
    Profiler::Action action_of(const std::string& whose, std::uint32_t phase) const;
    bool model_wants(std::uint32_t phase) const { return (model_phases_ >> phase & 1) != 0; }
    void log_with(std::string name, double value, const dv_log_options& options);

    Experiment& experiment_;
    struct Listener {
        Callback* callback;
        Profiler::Action action;  ///< when there is a profiler
    };
    std::array<std::vector<Listener>, DV_N_PHASES> by_phase_;
    std::array<Profiler::Action, DV_N_PHASES> model_actions_{};
    std::uint64_t model_phases_ = 0;
    MetricStore& metrics_;
    StopRule& stop_;
    const Progress& progress_;
    const RunContext& context_;
    ScheduleSet* schedules_ = nullptr;
    EpochValues train_values_, evaluation_values_;
    std::vector<dv_metric> rates_, momenta_, weight_decays_, shown_;  // of the view
    std::set<std::string, std::less<>> prog_bar_;                     // names of values logged with prog_bar
    std::uint32_t phase_ = 0;  // in hand
    bool skip_epoch_ = false;
    int depth_ = 0;  // hooks within hooks: a checkpoint's inside the phase that asked for it

    friend struct EventsAnswer;
};

/// Monotonic seconds.
double now();

}  // namespace dvhost::loops

#pragma once
/// Everything a run is made of, as SDK interfaces. Composed outside; the loops know neither manifest nor registry.

#include "data/combined_loader.hpp"
#include "loops/callback.hpp"
#include "loops/metric_sink.hpp"
#include "loops/precision.hpp"
#include "loops/profiler.hpp"
#include "loops/schedule_set.hpp"
#include "loops/stop_rule.hpp"
#include "recording/stage_recording.hpp"

#include <dv/schedule.hpp>
#include <dv/torch/datamodule.hpp>
#include <dv/torch/loss.hpp>
#include <dv/torch/metric.hpp>
#include <dv/torch/model.hpp>
#include <dv/torch/optimizer.hpp>
#include <dv/torch/strategy.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dvhost::loops {

/// How many batches of a split a loop takes: all, a share, or a count (Lightning's limit_*_batches).
struct BatchLimit {
    double share = 1.0;
    std::optional<std::int64_t> count;

    /// Throws dv::Error when a share above 0 gives no batch.
    std::int64_t of(std::int64_t n_batches, const std::string& key) const;
};

enum class ClipAlgorithm { norm, value };
/// What the gradients of an accumulation window are: of the mean of its batches' losses, of their sum, or of the mean over its samples.
enum class AccumulateReduction { mean, sum, weighted };
/// From an epoch on (0-based), so many batches per optimizer step.
struct AccumulateFrom {
    std::int64_t epoch = 0, batches = 1;
};
/// What is done about a training loss or an input that is not finite.
enum class OnNan {
    stop,   ///< the run ends, and says where
    skip,   ///< the batch is left out
    ignore  ///< a warning
};

struct TrainerOptions {
    StopLimits stop;
    BatchLimit train_batches, val_batches, test_batches, predict_batches;
    std::int64_t num_sanity_val_steps = 2;
    std::int64_t check_val_every_n_epoch = 1;  ///< 0: `val_check_batches` counts over all epochs
    double val_check_interval = 1.0;      ///< share of an epoch; a whole number of batches when `val_check_batches` is set
    std::optional<std::int64_t> val_check_batches;
    std::optional<double> val_check_seconds;  ///< instead of both
    std::int64_t log_every_n_steps = 50;
    std::vector<AccumulateFrom> accumulate;   ///< ascending; before the first, one batch per step
    AccumulateReduction accumulate_reduction = AccumulateReduction::mean;
    std::optional<double> gradient_clip_val;
    ClipAlgorithm gradient_clip_algorithm = ClipAlgorithm::norm;
    OnNan on_nan = OnNan::stop;
    bool early_test_stop = false;         ///< a test ends when its recorders are full
    Precision precision = Precision::single;
    bool fast_dev_run = false;            ///< a trial: callbacks are told to keep nothing
    bool overfit = false;                 ///< training data in their own order
    std::int64_t reload_dataloaders_every_n_epochs = 0;  ///< 0: splits are opened once
    bool inference_mode = true;           ///< evaluations outside fit track nothing at all
    bool detect_anomaly = false;          ///< autograd names the forward operation behind a NaN gradient
    bool lightning = false;               ///< Lightning's behaviour where dvhost corrects it (docs/trainer.md)

    /// Of parameters and frames.
    at::ScalarType dtype() const { return dtype_of(precision); }
    /// Batches per optimizer step in an epoch.
    std::int64_t accumulate_in(std::int64_t epoch) const {
        std::int64_t k = 1;
        for (const AccumulateFrom& from : accumulate) {
            if (from.epoch <= epoch) k = from.batches;
        }
        return k;
    }
};

struct LoaderOptions {
    std::int64_t batch_size = 32;
    std::int64_t n_threads = 1;
    std::int64_t prefetch = 2;  ///< batches read ahead
    bool shuffle = true;        ///< train only
    bool drop_last = false;     ///< train only
    data::Combine combine = data::Combine::max_size_cycle;  ///< of several sources, train only
};

struct Experiment {
    std::shared_ptr<dv::DataModule> data;
    std::string data_key = "data";                 ///< under which its state lies in a checkpoint
    std::shared_ptr<dv::Model> model;
    std::shared_ptr<dv::Loss> loss;                ///< null when nothing is scored
    /// What each criterion gave to the last loss, weight and all: 0-dim, named "loss/<criterion>".
    std::function<std::vector<dv::NamedTensor>()> criteria = [] { return std::vector<dv::NamedTensor>(); };
    /// Two objects per metric of the manifest: an evaluation inside an epoch must not disturb what training has gathered.
    std::vector<std::shared_ptr<dv::Metric>> train_metrics, metrics;
    std::vector<std::shared_ptr<dv::Optimizer>> optimizers;  ///< none when nothing is trained; several only for a model that optimizes itself
    /// Patterns of the parameters that each optimizer takes; an empty list: all.
    std::vector<std::vector<std::string>> optimized;
    std::vector<ScheduleEntry> schedules;
    std::shared_ptr<dv::Strategy> strategy;
    std::vector<std::shared_ptr<Callback>> callbacks;
    recording::Plan recording;                     ///< no recorders: nothing is recorded
    MetricSink* sink = nullptr;
    std::shared_ptr<Profiler> profiler;            ///< null: nothing is measured
    std::function<void(const std::string&)> warn = [](const std::string&) {};  ///< the host's log
    std::filesystem::path predictions;             ///< the file of the stage "predict"
    std::function<void()> before_change = [] {};   ///< weights are about to be written to
    std::function<void()> after_phase = [] {};     ///< all callbacks have seen a phase
    LoaderOptions loader;
    TrainerOptions trainer;
    std::uint64_t seed = 0;
};

}  // namespace dvhost::loops

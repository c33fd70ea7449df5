#pragma once
/// The tables a manifest may have: what each is for, and the keys in it that the host itself reads. The rest of a table belongs
/// to the component that `type` chooses.

#include "checkpoint/weights.hpp"
#include "logging/spool.hpp"
#include "loops/experiment.hpp"
#include "recording/response_recorder.hpp"
#include "registry/schema.hpp"

#include <dv/schedule.hpp>
#include <dv/schema.hpp>
#include <dv/torch/model.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace dvhost::compose {

// ---- The host's own keys, declared as any component's ------------------------------------------------------------------------

struct RunKeys {
    std::string name;
    std::int64_t seed = 0;
    std::vector<std::string> stages;  ///< "fit", "validate", "test", "predict"
    std::filesystem::path dir;
    static constexpr auto params = dv::schema(
        dv::p("name", &RunKeys::name, "run", "what the run is called; names its folder"),
        dv::p("seed", &RunKeys::seed, 42, "everything random follows from it", dv::at_least{0}),
        dv::p("stages", &RunKeys::stages, dv::list("fit"), "what to do, in order",
              dv::choices{"fit", "validate", "test", "predict"}),
        dv::p("dir", &RunKeys::dir, "", "each run gets a new folder version_N below it; empty: runs/<name> where dvhost is started"));
};

enum class Accelerator { automatic, cpu, cuda };
enum class Clip { norm, value };
enum class OnNan { stop, skip, ignore };
enum class OnCheckpointError { warn, stop };
enum class TrainerCompat { none, lightning };
enum class ProfilerKind { none, simple, memory, trace };

/// loops::AccumulateFrom.
struct AccumulateKeys {
    std::int64_t epoch = 0, batches = 1;
    static constexpr auto params = dv::schema(
        dv::p("epoch", &AccumulateKeys::epoch, 0, "from this epoch on, counted from 0", dv::at_least{0}),
        dv::p("batches", &AccumulateKeys::batches, 1, "batches per optimizer step", dv::at_least{1}));
};

struct TrainerKeys {
    std::int64_t max_epochs = -1, min_epochs = 0, max_steps = -1, min_steps = 0;
    double max_seconds = 0.0;
    std::string max_time;
    Accelerator accelerator{};
    loops::Precision precision{};
    double limit_train_batches = 1.0, limit_val_batches = 1.0, limit_test_batches = 1.0, limit_predict_batches = 1.0;
    double val_check_interval = 1.0;
    std::int64_t check_val_every_n_epoch = 1, num_sanity_val_steps = 2, log_every_n_steps = 50, accumulate_grad_batches = 1;
    std::optional<double> gradient_clip_val;
    Clip gradient_clip_algorithm{};
    OnNan on_nan{};
    std::vector<AccumulateKeys> accumulate_schedule;
    loops::AccumulateReduction accumulate_reduction{};
    double val_check_seconds = 0.0;
    std::int64_t fast_dev_run = 0;
    double overfit_batches = 0.0;
    bool early_test_stop = false, detect_anomaly = false, deterministic = false, barebones = false, resume_partial = false;
    bool deterministic_warn_only = false, inference_mode = true, enable_autolog_hparams = true, enable_model_summary = false;
    std::int64_t reload_dataloaders_every_n_epochs = 0;
    std::optional<bool> benchmark;
    bool logger = true;
    OnCheckpointError on_checkpoint_error{};
    TrainerCompat compat{};
    ProfilerKind profiler{};
    bool enable_progress_bar = true, enable_checkpointing = true;
    static constexpr auto params = dv::schema(
        dv::p("max_epochs", &TrainerKeys::max_epochs, 1, "train for so many epochs; -1: no limit", dv::at_least{-1}),
        dv::p("min_epochs", &TrainerKeys::min_epochs, 0, "a request to stop waits for so many epochs", dv::at_least{0}),
        dv::p("max_steps", &TrainerKeys::max_steps, -1, "train for so many optimizer steps; -1: no limit", dv::at_least{-1}),
        dv::p("min_steps", &TrainerKeys::min_steps, 0, "a request to stop waits for so many steps", dv::at_least{0}),
        dv::p("max_seconds", &TrainerKeys::max_seconds, 0.0, "train for so long; 0: no limit", dv::unit{"s"}, dv::at_least{0}),
        dv::p("max_time", &TrainerKeys::max_time, "", "the same as \"DD:HH:MM:SS\"; empty: no limit"),
        dv::p("accelerator", &TrainerKeys::accelerator, Accelerator::automatic, "auto: CUDA when a device is present",
              dv::choices{"auto", "cpu", "cuda"}),
        dv::p("precision", &TrainerKeys::precision, loops::Precision::single,
              "of parameters and frames; mixed: parameters stay float32, operators that bear it compute in the lower type",
              dv::choices{"32-true", "64-true", "bf16-true", "16-true", "bf16-mixed", "16-mixed"}),
        dv::p("limit_train_batches", &TrainerKeys::limit_train_batches, 1.0, "a share (1.0: all) or, as an integer, a number of batches",
              dv::at_least{0}),
        dv::p("limit_val_batches", &TrainerKeys::limit_val_batches, 1.0, "the same for validation; 0: none", dv::at_least{0}),
        dv::p("limit_test_batches", &TrainerKeys::limit_test_batches, 1.0, "the same for test", dv::at_least{0}),
        dv::p("limit_predict_batches", &TrainerKeys::limit_predict_batches, 1.0, "the same for predict", dv::at_least{0}),
        dv::p("val_check_interval", &TrainerKeys::val_check_interval, 1.0,
              "validate after this share of an epoch or, as an integer, after so many batches", dv::above{0}),
        dv::p("check_val_every_n_epoch", &TrainerKeys::check_val_every_n_epoch, 1,
              "validate in every n-th epoch; 0: val_check_interval counts batches over all epochs", dv::at_least{0}),
        dv::p("val_check_seconds", &TrainerKeys::val_check_seconds, 0.0, "instead: validate when so much time has passed since the last; 0: by batches",
              dv::unit{"s"}, dv::at_least{0}),
        dv::p("num_sanity_val_steps", &TrainerKeys::num_sanity_val_steps, 2, "validation batches tried before training; -1: all", dv::at_least{-1}),
        dv::p("log_every_n_steps", &TrainerKeys::log_every_n_steps, 50, "optimizer steps between rows of training values; 0: none",
              dv::at_least{0}),
        dv::p("accumulate_grad_batches", &TrainerKeys::accumulate_grad_batches, 1, "batches per optimizer step", dv::at_least{1}),
        dv::p("accumulate_schedule", &TrainerKeys::accumulate_schedule, dv::empty, "accumulate_grad_batches by epoch, as [{ epoch = 4, batches = 8 }]"),
        dv::p("accumulate_reduction", &TrainerKeys::accumulate_reduction, loops::AccumulateReduction::mean,
              "of the batches' losses in a window: their mean, their sum, or their mean weighted by samples",
              dv::choices{"mean", "sum", "weighted"}),
        dv::p("gradient_clip_val", &TrainerKeys::gradient_clip_val, dv::unset, "bound on gradients; absent: none", dv::above{0}),
        dv::p("gradient_clip_algorithm", &TrainerKeys::gradient_clip_algorithm, Clip::norm,
              "bound the joint norm, or each value", dv::choices{"norm", "value"}),
        dv::p("on_nan", &TrainerKeys::on_nan, OnNan::stop,
              "when a training loss or an input is not finite: stop the run and say where; skip the batch; or warn and go on",
              dv::choices{"stop", "skip", "ignore"}),
        dv::p("early_test_stop", &TrainerKeys::early_test_stop, false,
              "end a test, as a success, once every [[recorder]] of it is full; they need policy = \"fixed\""),
        dv::p("on_checkpoint_error", &TrainerKeys::on_checkpoint_error, OnCheckpointError::warn,
              "when a checkpoint cannot be written (the former file stays): warn, go on and end with code 69; or stop the run",
              dv::choices{"warn", "stop"}),
        dv::p("compat", &TrainerKeys::compat, TrainerCompat::none,
              "lightning: accumulation, validation, skipped epochs and steps count as in Lightning, where dvhost corrects it (docs/trainer.md)",
              dv::choices{"none", "lightning"}),
        dv::p("resume_partial", &TrainerKeys::resume_partial, false, "go on from a checkpoint without loops or optimizer state, with a warning"),
        dv::p("fast_dev_run", &TrainerKeys::fast_dev_run, 0, "a trial of so many batches of everything; nothing is logged or saved; 0: off",
              dv::at_least{0}),
        dv::p("overfit_batches", &TrainerKeys::overfit_batches, 0.0,
              "train and validate on this share or, as an integer, number of batches, in their order; 0: off", dv::at_least{0}),
        dv::p("reload_dataloaders_every_n_epochs", &TrainerKeys::reload_dataloaders_every_n_epochs, 0,
              "open the training data anew at every n-th epoch, and the validation data at the first validation that is n epochs later; 0: once",
              dv::at_least{0}),
        dv::p("inference_mode", &TrainerKeys::inference_mode, true,
              "validate, test and predict without version counters and views tracking; false: without gradients only. Inside fit always the latter"),
        dv::p("detect_anomaly", &TrainerKeys::detect_anomaly, false, "name the forward operation behind a NaN gradient; slow"),
        dv::p("deterministic", &TrainerKeys::deterministic, false, "only operations whose result is the same each time; refuses others"),
        dv::p("deterministic_warn_only", &TrainerKeys::deterministic_warn_only, false, "with deterministic: warns of the others (deterministic = \"warn\")"),
        dv::p("benchmark", &TrainerKeys::benchmark, dv::unset, "let cuDNN try its algorithms; absent: as LibTorch has it"),
        dv::p("barebones", &TrainerKeys::barebones, false, "no loggers, callbacks of the host's own, sanity check: to measure the loop"),
        dv::p("profiler", &TrainerKeys::profiler, ProfilerKind::none,
              "measure where the run spends its time: simple, a table; trace, also a time line; or memory, a table of bytes",
              dv::choices{"none", "simple", "memory", "trace"}),
        dv::p("logger", &TrainerKeys::logger, true, "false: no [[logger]] is made"),
        dv::p("enable_autolog_hparams", &TrainerKeys::enable_autolog_hparams, true, "hands the resolved manifest to the loggers"),
        dv::p("enable_progress_bar", &TrainerKeys::enable_progress_bar, true, "adds the progress callback when none is given"),
        dv::p("enable_model_summary", &TrainerKeys::enable_model_summary, false, "adds the model_summary callback when none is given"),
        dv::p("enable_checkpointing", &TrainerKeys::enable_checkpointing, true, "adds the checkpoint callback when none is given"));
};

/// How temporal models walk through time; dv::EnginePlan.
struct EngineKeys {
    dv::EnginePlan plan{};
    static constexpr auto params = dv::schema(
        dv::p("plan", &EngineKeys::plan, dv::EnginePlan::fast,
              "a layer's whole sequence at once, as far as delays allow; or every layer of one step, then the next step: the same "
              "values, slower, for comparison",
              dv::choices{"fast", "reference"}));
};

struct DataKeys {
    std::int64_t batch_size = 32, num_workers = 1, prefetch = 2;
    bool shuffle = true, drop_last = false;
    data::Combine combine{};
    static constexpr auto params = dv::schema(
        dv::p("batch_size", &DataKeys::batch_size, 32, "samples per batch", dv::unit{"samples"}, dv::range{1, 1e6}),
        dv::p("num_workers", &DataKeys::num_workers, 1, "threads that read samples; results do not depend on it", dv::range{1, 256}),
        dv::p("prefetch", &DataKeys::prefetch, 2, "batches read ahead", dv::range{1, 1024}),
        dv::p("shuffle", &DataKeys::shuffle, true, "a new order of the training samples in each epoch"),
        dv::p("drop_last", &DataKeys::drop_last, false, "leave out a last training batch that is not full"),
        dv::p("combine", &DataKeys::combine, data::Combine::max_size_cycle,
              "training data of several sources: together until the longest ends, shorter ones beginning again or giving empty batches; "
              "together until the shortest ends; or one after the other",
              dv::choices{"max_size_cycle", "max_size", "min_size", "sequential"}));
};

struct LossKeys {
    double weight = 1.0;
    static constexpr auto params = dv::schema(
        dv::p("weight", &LossKeys::weight, 1.0, "factor in the weighted sum of all losses; 0 or less: this one is not computed"));
};

struct KeyTranslation {
    std::string from, to;
    static constexpr auto params = dv::schema(
        dv::p("from", &KeyTranslation::from, "", "part of a name in the file", dv::required),
        dv::p("to", &KeyTranslation::to, "", "what stands there in the model's name", dv::required));
};

/// checkpoint::WeightsRequest.
struct WeightsKeys {
    std::filesystem::path path;
    checkpoint::WeightsFormat format{};
    std::string key, prefix, translation;
    std::vector<KeyTranslation> translate;
    std::vector<std::string> match, keep_on_shape_mismatch;
    bool strict = true, trainable_rest = true;
    static constexpr auto params = dv::schema(
        dv::p("path", &WeightsKeys::path, "", "the file to start from: a checkpoint of dvhost, Lightning or PyTorch, or safetensors; "
              "empty: fresh weights"),
        dv::p("format", &WeightsKeys::format, checkpoint::WeightsFormat::automatic, "of the file; auto: by its first bytes",
              dv::choices{"auto", "safetensors", "pytorch"}),
        dv::p("key", &WeightsKeys::key, "", "where in the file the tensors are, as \"a.b\"; empty: in \"state_dict\" if there is one, "
              "else at the top"),
        dv::p("prefix", &WeightsKeys::prefix, "", "taken off the names that begin with it, as \"module.\""),
        dv::p("translation", &WeightsKeys::translation, "none", "how a known project names these weights",
              dv::choices{"none", "dynvision", "cornet_rt", "cordsnet", "alexnet", "torchvision"}),
        dv::p("translate", &WeightsKeys::translate, dv::empty, "replacements in names, before those of `translation`; the first that "
              "fits is made"),
        dv::p("match", &WeightsKeys::match, dv::empty, "patterns of the parameters to load; empty: all"),
        dv::p("keep_on_shape_mismatch", &WeightsKeys::keep_on_shape_mismatch, dv::empty,
              "patterns of parameters that keep fresh values where shapes differ"),
        dv::p("strict", &WeightsKeys::strict, true, "missing and unexpected names stop the run; false: a warning"),
        dv::p("trainable_rest", &WeightsKeys::trainable_rest, true,
              "train only what the file did not supply (or what the project of `translation` trains); false: everything"));
};

/// lr · s for E samples per optimizer step, over all ranks.
struct LrScaling {
    double reference = 64.0, linear_up_to = 128.0;
    static constexpr auto params = dv::schema(
        dv::p("reference", &LrScaling::reference, 64.0, "samples per step that `lr` is meant for", dv::unit{"samples"}, dv::above{0}),
        dv::p("linear_up_to", &LrScaling::linear_up_to, 128.0, "up to here lr grows with E, above it with the root of E",
              dv::unit{"samples"}, dv::at_least{0}));
};

struct OptimizerKeys {
    std::optional<LrScaling> lr_scaling;
    std::vector<std::string> trainable, frozen, parameters = {};
    static constexpr auto params = dv::schema(
        dv::p("lr_scaling", &OptimizerKeys::lr_scaling, dv::unset,
              "lr is multiplied for the samples E of an optimizer step: E / reference, or its root; absent or \"none\": it is not"),
        dv::p("trainable", &OptimizerKeys::trainable, dv::empty, "patterns of the parameters to train; empty: all"),
        dv::p("frozen", &OptimizerKeys::frozen, dv::empty, "patterns of parameters that stay as they are"),
        dv::p("parameters", &OptimizerKeys::parameters, dv::empty, "patterns of the parameters that this optimizer takes; empty: all"));
};

/// loops::ScheduleEntry.
struct ScheduleKeys {
    enum class Interval { own, step, epoch, validation, samples };
    Interval interval{};
    std::int64_t frequency = 1, optimizer = 0;
    std::string monitor, name;
    bool strict = true;
    static constexpr auto params = dv::schema(
        dv::p("interval", &ScheduleKeys::interval, Interval::own,
              "what moves it on: optimizer steps, epochs, validations or training samples; own: what it says itself, mostly epochs",
              dv::choices{"own", "step", "epoch", "validation", "samples"}),
        dv::p("frequency", &ScheduleKeys::frequency, 1, "it moves on every so many of them, counted over the run", dv::at_least{1}),
        dv::p("monitor", &ScheduleKeys::monitor, "", "metric that it follows; only for those that follow one"),
        dv::p("strict", &ScheduleKeys::strict, true, "a monitored metric that is missing is an error, not a warning"),
        dv::p("name", &ScheduleKeys::name, "", "what its rates are called in logs"),
        dv::p("optimizer", &ScheduleKeys::optimizer, 0, "which [[optimizer]], counted from 0", dv::at_least{0}));
};

struct RecordedSteps {
    std::int64_t every = 1, from = 0, to = -1;
    static constexpr auto params = dv::schema(
        dv::p("every", &RecordedSteps::every, 1, "every n-th time step", dv::at_least{1}),
        dv::p("from", &RecordedSteps::from, 0, "the first one", dv::at_least{0}),
        dv::p("to", &RecordedSteps::to, -1, "none from here on; -1: to the end", dv::at_least{-1}));
};

enum class RecordedType { single, half };

/// recording::Settings.
struct RecorderKeys {
    std::string name;
    std::vector<std::string> stages, layers, format;
    RecordedSteps steps;
    recording::Reduce reduce{};
    RecordedType dtype{};
    recording::Policy policy{};
    std::int64_t n_samples = 192;
    static constexpr auto params = dv::schema(
        dv::p("name", &RecorderKeys::name, "responses", "its files are responses/<name>_<stage>.npz in the run folder"),
        dv::p("stages", &RecorderKeys::stages, dv::list("test"), "when it records; epochs of training, and validations during fit, replace each other's files",
              dv::choices{"train", "validate", "test", "predict"}),
        dv::p("layers", &RecorderKeys::layers, dv::list("*"), "names of layers, with * and ?"),
        dv::p("steps", &RecorderKeys::steps, dv::table, "which time steps"),
        dv::p("reduce", &RecorderKeys::reduce, recording::Reduce::none,
              "what is kept of a response: all; its mean over channels, or over space; layer: mean and deviation of its magnitude, its variance over space and over channels",
              dv::choices{"none", "channel_mean", "space_mean", "layer"}),
        dv::p("dtype", &RecorderKeys::dtype, RecordedType::single, "of responses", dv::choices{"float32", "float16"}),
        dv::p("policy", &RecorderKeys::policy, recording::Policy::fixed,
              "when n_samples are kept: later ones are refused, replace the oldest, or replace any at random",
              dv::choices{"fixed", "cyclic", "reservoir"}),
        dv::p("n_samples", &RecorderKeys::n_samples, 192, "presentations to keep in memory and write; -1: all", dv::unit{"samples"},
              dv::at_least{-1}),
        dv::p("format", &RecorderKeys::format, dv::list("npz"), "files to write; the NPZ is always written", dv::choices{"npz", "hdf5"}));
};

/// logging::SpoolOptions.
struct LoggingKeys {
    logging::OnFull on_full{};
    std::int64_t spool_mb = 64;
    double finish_timeout = 60.0;
    static constexpr auto params = dv::schema(
        dv::p("on_full", &LoggingKeys::on_full, logging::OnFull::grow,
              "when more than spool_mb waits for the loggers: it grows on disk; training waits; the oldest rows are dropped; or rows are "
              "thinned out before it comes to that",
              dv::choices{"grow", "block", "drop_oldest", "downsample"}),
        dv::p("spool_mb", &LoggingKeys::spool_mb, 64, "how much may wait; each number takes 32 bytes", dv::unit{"MiB"}, dv::range{2, 1e6}),
        dv::p("finish_timeout", &LoggingKeys::finish_timeout, 60.0,
              "for the loggers at the end of the run; one that has not come back then is left, and `dvhost logs sync` hands over what it lacks",
              dv::unit{"s"}, dv::above{0}));
};

struct LoggerKeys {
    bool required = false;
    std::int64_t max_errors = 3;
    static constexpr auto params = dv::schema(
        dv::p("required", &LoggerKeys::required, false,
              "true: its first failure stops the run; false, when written: it is left out if it cannot start"),
        dv::p("max_errors", &LoggerKeys::max_errors, 3, "failures in a row after which it is switched off", dv::at_least{1}));
};

struct CallbackKeys {
    bool required = true;
    std::int64_t max_errors = 3;
    static constexpr auto params = dv::schema(
        dv::p("required", &CallbackKeys::required, true,
              "true: its first failure stops the run; false: it is left out if it cannot start"),
        dv::p("max_errors", &CallbackKeys::max_errors, 3, "when not required: failures in a row after which it is switched off",
              dv::at_least{1}));
};

struct PluginKeys {
    std::vector<std::filesystem::path> paths;
    static constexpr auto params = dv::schema(
        dv::p("paths", &PluginKeys::paths, dv::empty, "folders or files in which to look for plugins first"));
};

// ---- Roles -----------------------------------------------------------------------------------------------------------------

struct Role {
    enum class Need { always, to_score, to_fit, never };
    std::string name;   ///< the table's name in the manifest
    std::string iface;  ///< "dv.model"; empty: no component, only the host's keys
    bool is_list = false;
    Need need = Need::never;
    std::string doc;
    std::vector<registry::ParameterSchema> keys;  ///< read by the host
    bool may_be_list = false;        ///< one table, or a list of several
    std::string also_iface = {};     ///< a second kind that its components may be of
};

/// All roles, in the order in which they are written and documented.
std::vector<Role> roles();

}  // namespace dvhost::compose

#include "loops/fit_loop.hpp"

#include "loops/interrupt.hpp"

#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/anomaly_mode.h>

namespace dvhost::loops {

namespace {

using Interval = dv::Schedule::Interval;

}  // namespace

FitLoop::FitLoop(Run& run, std::optional<RunState> state)
    : run_(run), resumed_(std::move(state)), optimization_(run),
      schedules_(run.experiment.schedules, run.experiment.optimizers, run.experiment.warn) {
    loss_sum_ = at::zeros({}, at::TensorOptions(run.experiment.strategy->device()).dtype(at::kDouble));
}

/// Opens the data and takes over the state, or sees first whether validation works at all.
void FitLoop::begin() {
    const TrainerOptions& options = run_.experiment.trainer;
    validation_.emplace(run_, dv::Split::val);
    if (!resumed_ && validates() && options.num_sanity_val_steps != 0) {
        const GeneratorScope unseen_by_training;
        validation_->sanity_check(options.num_sanity_val_steps);
    }
    open_training_data();
    rule_.emplace(options, validates() ? n_batches_ : 0);
    run_.context.has_validation = validates();
    run_.context.validates_each_epoch_end = rule_->each_epoch_end();
    if (resumed_) restore(std::move(*resumed_));
    resumed_.reset();
    train_loaded_in_ = val_loaded_in_ = run_.progress.epoch;
}

void FitLoop::open_training_data() {
    const Experiment& e = run_.experiment;
    const ProfileScope scope(e.profiler, Profiler::setup_train_dataloader);
    auto loaders = open_split(e, dv::Split::train);
    if (loaders.empty()) throw dv::Error("this data has no training split: remove \"fit\" from run.stages or choose another [data] type");
    loader_.emplace(std::move(loaders), e.loader.combine);
    n_batches_ = e.trainer.train_batches.of(loader_->n_batches(), "limit_train_batches");
}

/// A split is opened again when it was opened so many epochs ago.
void FitLoop::reload_if_due(std::int64_t& loaded_in, const std::function<void()>& reload) const {
    const std::int64_t every = run_.experiment.trainer.reload_dataloaders_every_n_epochs;
    if (every == 0 || run_.progress.epoch - loaded_in < every) return;
    loaded_in = run_.progress.epoch;
    reload();
}

void FitLoop::run() {
    run_.context.stage_start = now();
    begin();
    start_ = now() - elapsed_before_;
    run_.context.stage_start = start_;
    const bool between_epochs = run_.progress.moment == Moment::epoch_begin || run_.progress.moment == Moment::fit_end;
    if (n_batches_ == 0 || (between_epochs && run_.stop.reached(run_.progress, elapsed()))) return;
    if (between_epochs) run_.progress.moment = Moment::epoch_begin;

    std::optional<torch::autograd::DetectAnomalyGuard> anomaly;
    if (run_.experiment.trainer.detect_anomaly) anomaly.emplace();
    run_.context.stage = DV_STAGE_TRAIN;
    run_.experiment.model->train(true);
    run_.events.set_schedules(&schedules_);
    schedules_.begin(clock());
    rule_->start(now());
    restore_generators(generators_);
    run_.events(DV_TRAIN_START);
    // A run that goes on behind an epoch's last batch first ends that epoch.
    while (run_.progress.moment != Moment::epoch_begin || !run_.stop.reached(run_.progress, elapsed())) train_epoch();
    run_.progress.moment = Moment::fit_end;
    run_.events(DV_TRAIN_END);
    run_.events.set_schedules(nullptr);
    run_.fit_seconds = elapsed();
}

void FitLoop::begin_epoch() {
    reload_if_due(train_loaded_in_, [this] { open_training_data(); });
    run_.progress.batch_idx = 0;
    epoch_samples_ = 0;
    loss_sum_.zero_();
    for (const auto& metric : run_.experiment.train_metrics) metric->reset();
    run_.context.n_batches = n_batches_;
    run_.context.batch_idx = 0;
    run_.events(DV_TRAIN_EPOCH_START);
}

void FitLoop::train_epoch() {
    const ProfileScope scope(run_.experiment.profiler, Profiler::run_training_epoch);
    run_.context.n_batches = n_batches_;
    bool goes_on = true;
    switch (run_.progress.moment) {
        case Moment::epoch_begin: begin_epoch(); break;
        case Moment::batch_end: goes_on = after_batch(); break;
        case Moment::checked: goes_on = run_.progress.batch_idx < n_batches_ && !run_.stop.reached(run_.progress, elapsed()); break;
        default: goes_on = false; break;
    }
    if (goes_on) {
        std::optional<recording::StageRecording> recording;
        if (run_.experiment.recording.any("train")) open(recording);
        data::CombinedLoader::Pass batches = loader_->epoch(run_.progress.epoch, n_batches_, run_.progress.batch_idx);
        while (const auto batch = next_batch(run_, batches, Profiler::train_next)) {
            run_.context.batch_idx = run_.progress.batch_idx;
            run_.context.batch = &*batch;
            const bool trained = train_batch(*batch, recording ? &*recording : nullptr);
            run_.context.batch = nullptr;
            if (!trained) break;
            if (!run_.first_step_at) run_.first_step_at = now();
            if (!after_batch()) break;
        }
        if (recording) recording->finish();
    }
    end_epoch();
}

/// Of what is left of this epoch.
void FitLoop::open(std::optional<recording::StageRecording>& recording) {
    Experiment& e = run_.experiment;
    const std::int64_t n_left = (n_batches_ - run_.progress.batch_idx) * e.loader.batch_size;
    recording.emplace(e.recording, "train", *e.model, std::min(loader_->n_samples(), n_left),
                      std::map<std::string, std::string>{{"epoch", std::to_string(run_.progress.epoch)}});
}

/// False when the rest of the epoch is to be left out.
bool FitLoop::train_batch(const dv::Batch& batch, recording::StageRecording* recording) {
    Experiment& e = run_.experiment;
    const ProfileScope scope(e.profiler, Profiler::run_training_batch);
    const WindowPlace place = window_place();
    const std::int64_t every = e.trainer.log_every_n_steps;
    run_.context.accumulating = !place.last;
    run_.context.log_due = every > 0 && place.last && (run_.progress.windows + 1) % every == 0;
    run_.events(DV_TRAIN_BATCH_START);
    if (run_.events.take_skip_epoch()) {
        if (!place.first) e.warn("the rest of the epoch is left out, and with it an open accumulation window: its gradients are dropped");
        advance(Interval::epoch);
        if (!e.trainer.lightning && validates()) validate();
        return false;
    }

    const dv::StepOutput step = optimization_.train(batch, place, recording);
    if (step.loss.defined()) {
        loss_sum_.add_(step.loss.detach(), static_cast<double>(batch.size()));
        epoch_samples_ += batch.size();
        if (step.outputs.defined() && step.labels.defined()) {
            for (const auto& metric : e.train_metrics) metric->update(step.outputs.detach(), step.labels);
        }
    }
    ++run_.progress.batches;
    ++run_.progress.batch_idx;
    run_.progress.samples += batch.size();
    run_.progress.moment = Moment::batch_end;
    if (optimization_.stepped()) advance(Interval::step);
    advance(Interval::samples);
    if (run_.progress.batch_idx == n_batches_) advance(Interval::epoch);

    run_.context.output = &step;
    if (run_.context.log_due) log_step(step);
    if (place.last) ++run_.progress.windows;
    run_.events(DV_TRAIN_BATCH_END);
    run_.context.output = nullptr;
    return true;
}

WindowPlace FitLoop::window_place() const {
    const TrainerOptions& options = run_.experiment.trainer;
    const std::int64_t k = options.accumulate_in(run_.progress.epoch), i = run_.progress.batch_idx;
    const std::int64_t first = i / k * k;
    const std::int64_t size = std::min(k, n_batches_ - first);
    return {i == first, i + 1 == first + size, options.lightning ? k : size};
}

/// The rest of a batch: its row, a validation that is due. False when the epoch is over.
bool FitLoop::after_batch() {
    if (run_.context.log_due) run_.metrics.send(row_step(), run_.progress.epoch);
    run_.context.log_due = false;
    const bool window_open = run_.context.accumulating && !run_.experiment.trainer.lightning;
    if (validates()) {
        run_.validation_due = rule_->due(run_.progress, now()) || run_.validation_due;
        if (!window_open && (run_.validation_due || run_.stop.due(run_.progress))) validate();
    }
    if (run_.progress.moment == Moment::batch_end) run_.progress.moment = Moment::checked;
    throw_if_interrupted();
    if (run_.progress.batch_idx >= n_batches_) return false;
    return window_open || !run_.stop.reached(run_.progress, elapsed());
}

void FitLoop::validate() {
    run_.validation_due = false;
    reload_if_due(val_loaded_in_, [this] { validation_->reload(); });
    if (!run_.context.accumulating) {
        run_.hooks.around(dv::Hook::on_validation_model_zero_grad, [this] { optimization_.drop_gradients(); });
    }
    validation_->run(row_step(), [this] {
        ++run_.progress.validations;
        run_.progress.moment = Moment::checked;
        advance(Interval::validation);
        advance(Interval::validation, /*observing=*/true);
    });
    advance(Interval::step, /*observing=*/true);
}

/// The values of a due row.
void FitLoop::log_step(const dv::StepOutput& step) {
    if (step.loss.defined()) {
        run_.metrics.add("train/loss", step.loss);
        for (const dv::NamedTensor& criterion : run_.experiment.criteria()) {
            run_.metrics.add(criterion.name, criterion.tensor);
        }
    }
    for (const dv::NamedTensor& m : step.metrics) run_.metrics.add("train/" + m.name, m.tensor);
    run_.metrics.publish();
}

std::int64_t FitLoop::row_step() const { return std::max<std::int64_t>(0, run_.progress.windows - 1); }

void FitLoop::end_epoch() {
    Experiment& e = run_.experiment;
    if (run_.progress.moment != Moment::epoch_end) {
        run_.events.not_watching(DV_TRAIN_EPOCH_END);
        if (epoch_samples_ > 0) {
            run_.metrics.add("train/loss_epoch",
                             e.strategy->reduce(loss_sum_.div(static_cast<double>(epoch_samples_)), dv::Reduction::mean));
            for (const auto& metric : e.train_metrics) {
                for (const dv::NamedTensor& value : metric->compute()) {
                    run_.metrics.add("train/" + value.name, e.strategy->reduce(value.tensor, dv::Reduction::mean));
                }
            }
        }
        for (const auto& [name, value] : run_.events.train_values().reduced()) run_.metrics.add(name, value);
        run_.events.train_values().clear();
        run_.metrics.send_and_wait(row_step(), run_.progress.epoch);
        optimization_.settle();
        if (!e.trainer.lightning) advance(Interval::epoch, /*observing=*/true);
        run_.progress.moment = Moment::epoch_end;
        run_.events.watching(DV_TRAIN_EPOCH_END);
    }
    if (e.trainer.lightning) advance(Interval::epoch, /*observing=*/true);
    ++run_.progress.epoch;
    run_.progress.batch_idx = 0;
    run_.progress.moment = Moment::epoch_begin;
}

ScheduleClock FitLoop::clock() const {
    const StopLimits& limits = run_.stop.limits();
    const TrainerOptions& options = run_.experiment.trainer;
    ScheduleClock out;
    out.step = run_.progress.global_step;
    out.epoch = run_.progress.epoch;
    out.samples = run_.progress.samples;
    out.total_epochs = limits.max_epochs;
    if (limits.max_epochs >= 0) {
        out.total_steps = 0;
        for (std::int64_t epoch = 0; epoch < limits.max_epochs; ++epoch) {
            const std::int64_t k = options.accumulate_in(epoch);
            if (options.accumulate.size() <= 1) {
                out.total_steps = (n_batches_ + k - 1) / k * limits.max_epochs;
                break;
            }
            out.total_steps += (n_batches_ + k - 1) / k;
        }
    }
    if (limits.max_steps >= 0 && (out.total_steps < 0 || limits.max_steps < out.total_steps)) out.total_steps = limits.max_steps;
    out.validations_per_epoch = rule_->per_epoch();
    out.samples_per_epoch = std::min(loader_->n_samples(), n_batches_ * run_.experiment.loader.batch_size);
    return out;
}

void FitLoop::advance(Interval interval, bool observing) {
    if (run_.experiment.schedules.empty()) return;
    const auto value = [this](const std::string& name) { return run_.metrics.value(name); };
    schedules_.advance(interval, observing, clock(), value, [this](std::size_t schedule, const std::function<void()>& ask) {
        run_.hooks.around(dv::Hook::lr_scheduler_step, ask, [&] { return ModelHooks::Details{.index = schedule, .loss = {}}; });
    });
}

RunState FitLoop::state() const {
    if (resumed_) return *resumed_;  // nothing has happened yet
    RunState out;
    out.progress = run_.progress;
    out.elapsed = elapsed();
    out.stop_request = run_.stop.requested();
    out.n_batches = n_batches_;
    out.rows = run_.metrics.rows();
    for (const dv_metric& m : run_.metrics.known()) out.known.emplace_back(std::string(m.name.p, m.name.n), m.value);
    out.pending = run_.metrics.pending();
    out.epoch_values = run_.events.train_values().entries();
    out.loss_sum = loss_sum_.item<double>();
    out.epoch_samples = epoch_samples_;
    for (std::size_t i = 0; i < run_.experiment.train_metrics.size(); ++i) {
        for (dv::NamedTensor& t : run_.experiment.train_metrics[i]->state()) {
            out.train_metrics.push_back({std::to_string(i) + "." + t.name, t.tensor, false});
        }
    }
    if (run_.context.accumulating) out.window = optimization_.window();
    out.scaler = optimization_.scaler().state();
    out.schedules = schedules_.states();
    out.lr_scales = schedules_.scales();
    out.generators = generator_states();
    out.log_due = run_.context.log_due;
    out.accumulating = run_.context.accumulating;
    out.validation_due = run_.validation_due;
    return out;
}

void FitLoop::restore(RunState state) {
    const bool in_epoch = state.progress.moment == Moment::batch_end || state.progress.moment == Moment::checked;
    if (state.n_batches != n_batches_ && state.n_batches > 0 && in_epoch) {
        throw dv::Error("the checkpoint was written in an epoch of " + std::to_string(state.n_batches) + " batches, and this run has " +
                        std::to_string(n_batches_) + ": the data, data.batch_size or limit_train_batches have changed, so its place "
                        "in the epoch means nothing here; resume with the manifest that wrote it, or take the weights alone (weights.path)");
    }
    run_.progress = state.progress;
    elapsed_before_ = state.elapsed;
    if (state.stop_request) run_.stop.request(*state.stop_request);
    run_.metrics.restore(state.rows, state.known, state.pending);
    run_.events.train_values().restore(std::move(state.epoch_values));
    loss_sum_.fill_(state.loss_sum);
    epoch_samples_ = state.epoch_samples;
    for (std::size_t i = 0; i < run_.experiment.train_metrics.size(); ++i) {
        for (dv::NamedTensor& t : run_.experiment.train_metrics[i]->state()) {
            for (const dv::NamedTensor& saved : state.train_metrics) {
                if (saved.name == std::to_string(i) + "." + t.name) t.tensor.copy_(saved.tensor);
            }
        }
    }
    run_.context.accumulating = state.accumulating;
    run_.context.log_due = state.log_due;
    run_.validation_due = state.validation_due;
    optimization_.restore(std::move(state.window));
    optimization_.scaler().restore(state.scaler);
    if (!state.schedules.empty() || !state.lr_scales.empty()) {
        schedules_.restore(std::move(state.schedules), std::move(state.lr_scales), state.ask_schedules);
    }
    generators_ = std::move(state.generators);
}

}  // namespace dvhost::loops

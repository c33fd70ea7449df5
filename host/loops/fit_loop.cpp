#include "loops/fit_loop.hpp"

#include "loops/gradients.hpp"
#include "loops/interrupt.hpp"

#include <ATen/ops/zeros.h>

namespace dvhost::loops {

namespace {

data::Loader training_data(const Experiment& experiment) {
    auto loader = open_split(experiment, dv::Split::train);
    if (!loader) throw dv::Error("this data has no training split: remove \"fit\" from run.stages or choose another [data] type");
    if (!experiment.optimizer) throw dv::Error("nothing trains without an [optimizer] table: add one, e.g. type = \"adam\"");
    return std::move(*loader);
}

}  // namespace

FitLoop::FitLoop(Run& run)
    : run_(run), loader_(training_data(run.experiment)), validation_(run, dv::Split::val), nan_watch_(run.experiment) {
    Experiment& e = run_.experiment;
    n_batches_ = e.trainer.train_batches.of(loader_.n_batches(), "limit_train_batches");
    for (dv::NamedTensor& t : e.model->parameters()) {
        if (t.trainable && t.tensor.requires_grad()) parameters_.push_back(std::move(t));
    }
    groups_ = e.optimizer->groups();
    loss_sum_ = at::zeros({}, at::TensorOptions(e.strategy->device()).dtype(at::kDouble));
    run_.context.has_validation = validation_.any();
}

void FitLoop::run() {
    start_ = now();
    run_.context.stage_start = start_;
    if (validation_.any() && run_.experiment.trainer.num_sanity_val_steps > 0) {
        validation_.sanity_check(run_.experiment.trainer.num_sanity_val_steps);
    }
    if (n_batches_ == 0 || run_.stop.reached(run_.progress, elapsed())) return;

    run_.context.stage = DV_STAGE_TRAIN;
    run_.experiment.model->train(true);
    apply_schedule(dv::Schedule::Interval::step);
    apply_schedule(dv::Schedule::Interval::epoch);
    run_.events(DV_TRAIN_START);
    while (!run_.stop.reached(run_.progress, elapsed())) train_epoch();
    run_.events(DV_TRAIN_END);
    run_.fit_seconds = elapsed();
}

void FitLoop::train_epoch() {
    run_.progress.batch_idx = run_.context.batch_idx = 0;
    run_.context.n_batches = n_batches_;
    epoch_samples_ = 0;
    loss_sum_.zero_();
    for (const auto& metric : run_.experiment.train_metrics) metric->reset();

    run_.events(DV_TRAIN_EPOCH_START);
    const auto batches = loader_.epoch(run_.progress.epoch, n_batches_);
    while (const auto batch = next_batch(run_.experiment, *batches)) {
        train_batch(*batch);
        if (!run_.first_step_at) run_.first_step_at = now();
        if (validation_due()) validation_.run(row_step());
        run_.context.batch_idx = ++run_.progress.batch_idx;
        throw_if_interrupted();
        if (run_.stop.reached(run_.progress, elapsed())) break;
    }
    end_epoch();
}

void FitLoop::train_batch(const dv::Batch& batch) {
    Experiment& e = run_.experiment;
    const bool last_of_window = window_ends();
    const std::int64_t every = e.trainer.log_every_n_steps;
    run_.context.log_due = every > 0 && last_of_window && (run_.steps_with_update + 1) % every == 0;
    run_.events(DV_TRAIN_BATCH_START);

    dv::StepOutput step = e.model->training_step(batch, *e.loss);
    if (!nan_watch_.accepts(step, batch, run_.progress)) step.loss.reset();
    if (run_.progress.batch_idx % e.trainer.accumulate_grad_batches == 0) {
        run_.events(DV_BEFORE_ZERO_GRAD);
        e.optimizer->zero_grad();
        window_losses_ = 0;
    }
    if (step.loss.defined()) {
        run_.events(DV_BEFORE_BACKWARD);
        const std::int64_t window = e.trainer.accumulate_grad_batches;
        e.strategy->backward(window > 1 ? step.loss.div(static_cast<double>(window)) : step.loss,
                             last_of_window ? dv::GradientSync::now : dv::GradientSync::later);
        run_.events(DV_AFTER_BACKWARD);
        loss_sum_.add_(step.loss.detach(), static_cast<double>(batch.size()));
        epoch_samples_ += batch.size();
        ++window_losses_;
        for (const auto& metric : e.train_metrics) metric->update(step.outputs.detach(), step.labels);
    }
    if (last_of_window) optimizer_step();

    ++run_.progress.batches;
    run_.progress.samples += batch.size();
    if (run_.context.log_due) log_step(step);
    run_.events(DV_TRAIN_BATCH_END);
    if (run_.context.log_due) run_.metrics.send(run_.steps_with_update, run_.progress.epoch);
    if (last_of_window) ++run_.steps_with_update;
}

bool FitLoop::window_ends() const {
    const std::int64_t next = run_.progress.batch_idx + 1;
    return next % run_.experiment.trainer.accumulate_grad_batches == 0 || next == n_batches_;
}

void FitLoop::optimizer_step() {
    if (window_losses_ == 0) {
        ++run_.progress.skipped_steps;
        return;
    }
    run_.events(DV_BEFORE_OPTIMIZER_STEP);
    clip_gradients();
    run_.experiment.optimizer->step();
    ++run_.progress.global_step;
    apply_schedule(dv::Schedule::Interval::step);
}

void FitLoop::clip_gradients() {
    const TrainerOptions& options = run_.experiment.trainer;
    if (!options.gradient_clip_val) return;
    if (options.gradient_clip_algorithm == ClipAlgorithm::norm) {
        clip_gradient_norm(parameters_, *options.gradient_clip_val);
    } else {
        clip_gradient_value(parameters_, *options.gradient_clip_val);
    }
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

bool FitLoop::validation_due() const {
    const TrainerOptions& options = run_.experiment.trainer;
    if (!validation_.any() || (run_.progress.epoch + 1) % options.check_val_every_n_epoch != 0) return false;
    const std::int64_t done = run_.progress.batch_idx + 1;
    const std::int64_t interval =
        options.val_check_batches.value_or(std::max<std::int64_t>(
            1, static_cast<std::int64_t>(static_cast<double>(n_batches_) * options.val_check_interval)));
    return done % interval == 0;
}

std::int64_t FitLoop::row_step() const { return std::max<std::int64_t>(0, run_.steps_with_update - 1); }

void FitLoop::end_epoch() {
    Experiment& e = run_.experiment;
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
    run_.metrics.send_and_wait(row_step(), run_.progress.epoch);
    nan_watch_.settle();
    run_.events.watching(DV_TRAIN_EPOCH_END);
    ++run_.progress.epoch;
    apply_schedule(dv::Schedule::Interval::epoch);
}

void FitLoop::apply_schedule(dv::Schedule::Interval at) {
    Experiment& e = run_.experiment;
    if (e.schedule && e.schedule->interval() == at) {
        const StopLimits& limits = run_.stop.limits();
        const std::int64_t per_epoch = (n_batches_ + e.trainer.accumulate_grad_batches - 1) / e.trainer.accumulate_grad_batches;
        dv_schedule_point point{};
        point.size = sizeof point;
        point.step = run_.progress.global_step;
        point.epoch = run_.progress.epoch;
        point.total_epochs = limits.max_epochs;
        point.total_steps = limits.max_epochs >= 0 ? per_epoch * limits.max_epochs : -1;
        if (limits.max_steps >= 0 && (point.total_steps < 0 || limits.max_steps < point.total_steps)) {
            point.total_steps = limits.max_steps;
        }
        const double factor = e.schedule->factor(point);
        for (std::size_t g = 0; g < groups_.size(); ++g) {
            groups_[g].lr = groups_[g].base_lr * factor;
            e.optimizer->set_lr(g, groups_[g].lr);
        }
    }
    run_.context.learning_rates.clear();
    for (const dv::ParameterGroup& group : groups_) run_.context.learning_rates.emplace_back(group.name, group.lr);
}

}  // namespace dvhost::loops

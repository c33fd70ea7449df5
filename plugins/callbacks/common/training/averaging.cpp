#include "averaging.hpp"

namespace callbacks {

void Averaging::open() { average_ = AveragedWeights({.device = device_of(device), .use_buffers = use_buffers}); }

void Averaging::update() { average_.update(training().parameters(), share(average_.n_averaged())); }

void Averaging::on_fit_start(const dv::RunView&, dv::Answer&) {
    fitting_ = true;
    average_.restore_current(training().parameters());
}

void Averaging::on_optimizer_step_done(const dv::RunView& run, dv::Answer&) {
    if (run->global_step <= latest_step_ || !due_after_step(run->global_step - 1)) return;
    update();
    latest_step_ = run->global_step;
}

void Averaging::on_train_epoch_end(const dv::RunView& run, dv::Answer&) {
    if (run->epoch <= latest_epoch_ || !due_after_epoch(run->epoch)) return;
    update();
    latest_epoch_ = run->epoch;
}

void Averaging::on_validation_start(const dv::RunView&, dv::Answer&) {
    if (!fitting_ || validating_ || average_.empty()) return;
    average_.swap_in(training().parameters());
    validating_ = true;
}

void Averaging::on_validation_end(const dv::RunView&, dv::Answer&) {
    if (std::exchange(validating_, false)) average_.swap_out(training().parameters());
}

void Averaging::on_train_end(const dv::RunView&, dv::Answer&) {
    fitting_ = false;
    if (!average_.empty()) average_.copy_into(training().parameters());
}

void Averaging::on_save_checkpoint(const dv::RunView&, dv::Answer&) {
    if (fitting_) average_.swap_in(training().parameters());
}
void Averaging::on_checkpoint_taken(const dv::RunView&, dv::Answer&) {
    if (fitting_) average_.swap_out(training().parameters());
}

/// The checkpoint's weights are the average: training goes on with those that it replaced; what only evaluates keeps the average.
void Averaging::on_load_checkpoint(const dv::RunView&, dv::Answer&) {
    if (fitting_) average_.restore_current(training().parameters());
}

/// A validation that failed leaves the model that was trained.
void Averaging::on_exception(const dv::RunView& run, dv::Answer& answer) { on_validation_end(run, answer); }

void Averaging::save_state(dv::StateWriter& out) const {
    out.put("latest_update_step", latest_step_);
    out.put("latest_update_epoch", latest_epoch_);
    out.put("n_averaged", average_.n_averaged());
}

void Averaging::load_state(const dv::StateReader& state) {
    latest_step_ = state.get<std::int64_t>("latest_update_step").value_or(0);
    latest_epoch_ = state.get<std::int64_t>("latest_update_epoch").value_or(-1);
    average_.set_n_averaged(state.get<std::int64_t>("n_averaged").value_or(0));
}

}  // namespace callbacks

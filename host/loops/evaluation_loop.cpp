#include "loops/evaluation_loop.hpp"

#include "loops/interrupt.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include <limits>
#include <numeric>

namespace dvhost::loops {

namespace {

/// The phases and hooks of one pass, by split.
struct Phases {
    std::uint32_t stage, start, epoch_start, batch_start, batch_end, epoch_end, end;
    dv::Hook model_eval, model_train;
    std::string prefix;
};

Phases phases_of(dv::Split split) {
    if (split == dv::Split::test) {
        return {DV_STAGE_TEST,     DV_TEST_START, DV_TEST_EPOCH_START,          DV_TEST_BATCH_START,           DV_TEST_BATCH_END,
                DV_TEST_EPOCH_END, DV_TEST_END,   dv::Hook::on_test_model_eval, dv::Hook::on_test_model_train, "test/"};
    }
    return {DV_STAGE_VALIDATE,
            DV_VALIDATION_START,
            DV_VALIDATION_EPOCH_START,
            DV_VALIDATION_BATCH_START,
            DV_VALIDATION_BATCH_END,
            DV_VALIDATION_EPOCH_END,
            DV_VALIDATION_END,
            dv::Hook::on_validation_model_eval,
            dv::Hook::on_validation_model_train,
            "val/"};
}

/// Puts the model into evaluation mode; what the run was doing comes back.
class EvaluationMode {
public:
    EvaluationMode(Run& run, std::uint32_t stage, dv::Hook model_eval) : run_(run), former_(run.context) {
        run_.hooks.around(model_eval, [&] { run_.experiment.model->train(false); });
        run_.context.stage = stage;
        run_.context.stage_start = now();
    }
    ~EvaluationMode() { run_.context = std::move(former_); }
    EvaluationMode(const EvaluationMode&) = delete;
    EvaluationMode& operator=(const EvaluationMode&) = delete;

private:
    Run& run_;
    RunContext former_;
};

/// Adds a batch's loss, what each criterion gave to it and what else the model measured to sums over samples. They are named as they are
/// logged.
void add_losses(std::vector<dv::NamedTensor>& sums, const dv::StepOutput& step, const Experiment& e, double n_samples) {
    std::vector<dv::NamedTensor> values = e.criteria();
    values.insert(values.begin(), {"loss", step.loss.detach(), false});
    for (const dv::NamedTensor& m : step.metrics) values.push_back({m.name, m.tensor.detach(), false});
    if (sums.empty()) {
        for (const dv::NamedTensor& v : values) {
            sums.push_back({v.name, at::zeros({}, at::TensorOptions(e.strategy->device()).dtype(at::kDouble)), false});
        }
    }
    for (std::size_t i = 0; i < std::min(sums.size(), values.size()); ++i) sums[i].tensor.add_(values[i].tensor, n_samples);
}

}  // namespace

EvaluationLoop::EvaluationLoop(Run& run, dv::Split split) : run_(run), split_(split) { reload(); }

void EvaluationLoop::reload() {
    const TrainerOptions& options = run_.experiment.trainer;
    loaders_ = open_split(run_.experiment, split_);
    n_batches_.clear();
    for (const data::Loader& loader : loaders_) {
        n_batches_.push_back(split_ == dv::Split::test ? options.test_batches.of(loader.n_batches(), "limit_test_batches")
                                                       : options.val_batches.of(loader.n_batches(), "limit_val_batches"));
    }
}

std::int64_t EvaluationLoop::n_batches() const { return std::accumulate(n_batches_.begin(), n_batches_.end(), std::int64_t{0}); }

void EvaluationLoop::run(std::int64_t row_step, const std::function<void()>& logged) {
    pass(Purpose::evaluate, std::numeric_limits<std::int64_t>::max(), row_step, logged);
}

void EvaluationLoop::sanity_check(std::int64_t n_batches) {
    run_.events(DV_SANITY_CHECK_START);
    pass(Purpose::sanity_check, n_batches < 0 ? std::numeric_limits<std::int64_t>::max() : n_batches, 0, [] {});
    run_.events(DV_SANITY_CHECK_END);
}

void EvaluationLoop::pass(Purpose purpose, std::int64_t most, std::int64_t row_step, const std::function<void()>& logged) {
    const Phases phases = phases_of(split_);
    Experiment& e = run_.experiment;
    const at::NoGradGuard no_grad;  // nothing here is trained
    {
        const EvaluationMode mode(run_, purpose == Purpose::sanity_check ? std::uint32_t{DV_STAGE_SANITY_CHECK} : phases.stage,
                                  phases.model_eval);
        run_.context.n_loaders = loaders_.size();
        const char* stage = split_ == dv::Split::test ? "test" : "validate";
        std::optional<recording::StageRecording> recording;
        if (purpose == Purpose::evaluate && e.recording.any(stage)) {
            std::int64_t n_samples = 0;
            for (std::size_t i = 0; i < loaders_.size(); ++i) {
                n_samples += std::min(loaders_[i].n_samples(), n_batches_[i] * e.loader.batch_size);
            }
            recording.emplace(e.recording, stage, *e.model, n_samples);
        }
        run_.events(phases.start);
        run_.events(phases.epoch_start);
        std::vector<dv::NamedTensor> results;
        for (std::size_t i = 0; i < loaders_.size(); ++i) {
            for (dv::NamedTensor& value : measure(i, std::min(most, n_batches_[i]), recording ? &*recording : nullptr)) {
                results.push_back(std::move(value));
            }
        }
        if (recording) recording->finish();
        run_.events(phases.epoch_end);
        if (purpose == Purpose::evaluate) {
            log_results(results, row_step);
            run_.progress.val_batches = n_batches();
            logged();
        }
        run_.events.evaluation_values().clear();
        run_.events(phases.end);
        // What callbacks logged goes out with the next row; a sanity check leaves no trace.
        if (purpose == Purpose::sanity_check) run_.metrics.discard();
    }
    run_.hooks.around(phases.model_train, [&] { e.model->train(run_.context.stage == DV_STAGE_TRAIN); });
}

std::vector<dv::NamedTensor> EvaluationLoop::measure(std::size_t loader, std::int64_t n_batches, recording::StageRecording* recording) {
    const Phases phases = phases_of(split_);
    Experiment& e = run_.experiment;
    for (const auto& metric : e.metrics) metric->reset();
    std::vector<dv::NamedTensor> out;
    if (n_batches == 0) return out;
    std::int64_t n_samples = 0;
    run_.context.n_batches = n_batches;
    run_.context.batch_idx = 0;
    run_.context.dataloader_idx = loader;
    const auto batches = loaders_[loader].epoch(0, n_batches);
    while (auto batch = next_batch(run_, *batches, split_ == dv::Split::test ? Profiler::test_next : Profiler::val_next)) {
        batch->dataloader_idx = static_cast<std::int32_t>(loader);
        run_.context.batch = &*batch;
        run_.events(phases.batch_start);
        if (recording) recording->begin_batch(*batch);
        const dv::StepOutput step = validation_step(*batch);
        if (recording) recording->end_batch(*batch, step.outputs, step.labels);
        if (step.loss.defined()) add_losses(out, step, e, static_cast<double>(batch->size()));
        for (const auto& metric : e.metrics) metric->update(step.outputs, step.labels);
        n_samples += batch->size();
        run_.context.output = &step;
        run_.events(phases.batch_end);
        run_.context.batch = nullptr;
        run_.context.output = nullptr;
        ++run_.context.batch_idx;
        throw_if_interrupted();
        if (split_ == dv::Split::test && e.trainer.early_test_stop && recording && recording->is_full()) {
            e.recording.info("the test ends after " + std::to_string(run_.context.batch_idx) + " of " + std::to_string(n_batches) +
                             " batches: its recorders are full (trainer.early_test_stop)");
            break;
        }
    }
    for (dv::NamedTensor& sum : out) sum.tensor = sum.tensor.div(static_cast<double>(n_samples));
    for (const auto& metric : e.metrics) {
        for (dv::NamedTensor& value : metric->compute()) out.push_back(std::move(value));
    }
    const std::string suffix = loaders_.size() > 1 ? "/dataloader_idx_" + std::to_string(loader) : "";
    for (dv::NamedTensor& value : out) value.name = phases.prefix + value.name + suffix;
    return out;
}

void EvaluationLoop::log_results(const std::vector<dv::NamedTensor>& results, std::int64_t row_step) {
    for (const dv::NamedTensor& value : results) {
        run_.metrics.add(value.name, run_.experiment.strategy->reduce(value.tensor, dv::Reduction::mean));
    }
    for (const auto& [name, value] : run_.events.evaluation_values().reduced()) run_.metrics.add(name, value);
    run_.metrics.send_and_wait(row_step, run_.progress.epoch);
}

dv::StepOutput EvaluationLoop::validation_step(const dv::Batch& batch) {
    Experiment& e = run_.experiment;
    const AutocastScope autocast(e.trainer.precision, e.strategy->device());
    const ProfileScope scope(e.profiler, Profiler::validation_step);
    return e.model->validation_step(batch, *e.loss);
}

}  // namespace dvhost::loops

#include "loops/evaluation_loop.hpp"

#include "loops/interrupt.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

namespace dvhost::loops {

namespace {

/// The phases of one pass, by split.
struct Phases {
    std::uint32_t stage, start, epoch_start, batch_start, batch_end, epoch_end, end;
    std::string prefix;
};

Phases phases_of(dv::Split split) {
    if (split == dv::Split::test) {
        return {DV_STAGE_TEST,       DV_TEST_START,     DV_TEST_EPOCH_START, DV_TEST_BATCH_START,
                DV_TEST_BATCH_END,   DV_TEST_EPOCH_END, DV_TEST_END,         "test/"};
    }
    return {DV_STAGE_VALIDATE,       DV_VALIDATION_START,     DV_VALIDATION_EPOCH_START, DV_VALIDATION_BATCH_START,
            DV_VALIDATION_BATCH_END, DV_VALIDATION_EPOCH_END, DV_VALIDATION_END,         "val/"};
}

/// Puts the model into evaluation mode, and back into what it was doing.
class EvaluationMode {
public:
    EvaluationMode(Run& run, std::uint32_t stage) : run_(run), former_(run.context) {
        run_.experiment.model->train(false);
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

EvaluationLoop::EvaluationLoop(Run& run, dv::Split split)
    : run_(run), split_(split), loader_(open_split(run.experiment, split)) {
    if (!loader_) return;
    const TrainerOptions& options = run.experiment.trainer;
    n_batches_ = split == dv::Split::test ? options.test_batches.of(loader_->n_batches(), "limit_test_batches")
                                          : options.val_batches.of(loader_->n_batches(), "limit_val_batches");
}

void EvaluationLoop::run(std::int64_t row_step, const std::function<void()>& logged) {
    pass(Purpose::evaluate, n_batches_, row_step, logged);
}

void EvaluationLoop::sanity_check(std::int64_t n_batches) {
    run_.events(DV_SANITY_CHECK_START);
    pass(Purpose::sanity_check, n_batches < 0 ? n_batches_ : std::min(n_batches, n_batches_), 0, [] {});
    run_.events(DV_SANITY_CHECK_END);
}

void EvaluationLoop::pass(Purpose purpose, std::int64_t n_batches, std::int64_t row_step, const std::function<void()>& logged) {
    const Phases phases = phases_of(split_);
    Experiment& e = run_.experiment;
    const at::NoGradGuard no_grad;  // nothing here is trained
    {
        const EvaluationMode mode(run_, purpose == Purpose::sanity_check ? std::uint32_t{DV_STAGE_SANITY_CHECK} : phases.stage);
        run_.context.n_batches = n_batches;
        for (const auto& metric : e.metrics) metric->reset();
        std::vector<dv::NamedTensor> sums;
        std::int64_t n_samples = 0;

        const char* stage = split_ == dv::Split::test ? "test" : "validate";
        std::optional<recording::StageRecording> recording;
        if (purpose == Purpose::evaluate && e.recording.any(stage)) {
            recording.emplace(e.recording, stage, *e.model, std::min(loader_->n_samples(), n_batches * e.loader.batch_size));
        }
        run_.events(phases.start);
        run_.events(phases.epoch_start);
        const auto batches = loader_->epoch(0, n_batches);
        run_.context.batch_idx = 0;
        while (const auto batch = next_batch(e, *batches, split_ == dv::Split::test ? Profiler::test_next : Profiler::val_next)) {
            run_.context.batch = &*batch;
            run_.events(phases.batch_start);
            if (recording) recording->begin_batch(*batch);
            const dv::StepOutput step = validation_step(*batch);
            if (recording) recording->end_batch(*batch, step.outputs, step.labels);
            if (step.loss.defined()) add_losses(sums, step, e, static_cast<double>(batch->size()));
            for (const auto& metric : e.metrics) metric->update(step.outputs, step.labels);
            n_samples += batch->size();
            run_.context.output = &step;
            run_.events(phases.batch_end);
            run_.context.batch = nullptr;
            run_.context.output = nullptr;
            ++run_.context.batch_idx;
            throw_if_interrupted();
        }
        if (recording) recording->finish();
        run_.events(phases.epoch_end);
        if (purpose == Purpose::evaluate) {
            log_results(sums, n_samples, row_step);
            run_.progress.val_batches = n_batches;
            logged();
        }
        run_.events.evaluation_values().clear();
        run_.events(phases.end);
        // What callbacks logged goes out with the next row; a sanity check leaves no trace.
        if (purpose == Purpose::sanity_check) run_.metrics.discard();
    }
    e.model->train(run_.context.stage == DV_STAGE_TRAIN);
}

void EvaluationLoop::log_results(const std::vector<dv::NamedTensor>& sums, std::int64_t n_samples, std::int64_t row_step) {
    const std::string prefix = phases_of(split_).prefix;
    Experiment& e = run_.experiment;
    for (const dv::NamedTensor& sum : sums) {
        run_.metrics.add(prefix + sum.name, e.strategy->reduce(sum.tensor.div(static_cast<double>(n_samples)), dv::Reduction::mean));
    }
    for (const auto& metric : e.metrics) {
        for (const dv::NamedTensor& value : metric->compute()) {
            run_.metrics.add(prefix + value.name, e.strategy->reduce(value.tensor, dv::Reduction::mean));
        }
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

#include "loops/predict_loop.hpp"

#include "loops/interrupt.hpp"

#include <dv/npy.hpp>

#include <ATen/core/grad_mode.h>

namespace dvhost::loops {

namespace {

data::Loader predict_data(const Experiment& experiment) {
    auto loader = open_split(experiment, dv::Split::predict);
    if (!loader) {
        throw dv::Error(
            "there is nothing to predict: this data has no predict split; name one in [data], or remove \"predict\" "
            "from "
            "run.stages");
    }
    return std::move(*loader);
}

std::span<const std::byte> bytes_of(const at::Tensor& contiguous) {
    return {static_cast<const std::byte*>(contiguous.const_data_ptr()), static_cast<std::size_t>(contiguous.nbytes())};
}

/// The file, begun with the first batch: only then is it known for how many steps and classes.
class Outputs {
public:
    Outputs(const std::filesystem::path& file, std::int64_t n_samples) : file_(file), n_samples_(n_samples) {}

    void append(const at::Tensor& outputs) {
        const at::Tensor rows =
            outputs.detach().to(outputs.scalar_type() == at::kDouble ? at::kDouble : at::kFloat).cpu().contiguous();
        if (rows.dim() != 3) {
            throw dv::Error("predictions are [batch, time, class], but the model gave " + std::to_string(rows.dim()) +
                            " dimensions");
        }
        if (!writer_) {
            shape_ = {n_samples_, rows.size(1), rows.size(2)};
            writer_.emplace(file_, rows.scalar_type() == at::kDouble ? dv::npy::Type::float64 : dv::npy::Type::float32,
                            shape_);
        }
        if (rows.size(1) != shape_[1] || rows.size(2) != shape_[2]) {
            throw dv::Error("the model gave " + dv::npy::text_of(rows.sizes().vec()) + " for a batch after " +
                            dv::npy::text_of(shape_) + " [sample, time, class]: all samples must have as many steps");
        }
        writer_->append(bytes_of(rows));
    }
    void commit() { writer_->commit(); }

private:
    std::filesystem::path file_;
    std::int64_t n_samples_;
    dv::npy::Shape shape_;
    std::optional<dv::npy::Writer> writer_;
};

}  // namespace

PredictLoop::PredictLoop(Run& run) : run_(run), loader_(predict_data(run.experiment)) {
    n_batches_ = run.experiment.trainer.predict_batches.of(loader_.n_batches(), "limit_predict_batches");
    n_samples_ = std::min(loader_.n_samples(), n_batches_ * run.experiment.loader.batch_size);
    if (n_batches_ == 0)
        throw dv::Error(
            "there is nothing to predict: the predict split is empty, or trainer.limit_predict_batches is 0");
}

void PredictLoop::run() {
    Experiment& e = run_.experiment;
    const at::NoGradGuard no_grad;  // nothing here is trained
    const RunContext former = run_.context;
    e.model->train(false);
    run_.context.stage = DV_STAGE_PREDICT;
    run_.context.stage_start = now();
    run_.context.n_batches = n_batches_;
    run_.context.batch_idx = 0;

    run_.events(DV_PREDICT_START);
    run_.events(DV_PREDICT_EPOCH_START);
    Outputs outputs(e.predictions, n_samples_);
    std::optional<recording::StageRecording> recording;
    if (e.recording.any("predict")) recording.emplace(e.recording, "predict", *e.model, n_samples_);
    const auto batches = loader_.epoch(0, n_batches_);
    while (const auto batch = next_batch(e, *batches, Profiler::predict_next)) {
        run_.context.batch = &*batch;
        run_.events(DV_PREDICT_BATCH_START);
        if (recording) recording->begin_batch(*batch);
        const dv::StepOutput output{{}, predict_step(*batch), {}, {}};
        const at::Tensor& predicted = output.outputs;
        if (recording) recording->end_batch(*batch, predicted, {});
        outputs.append(predicted);
        run_.context.output = &output;
        run_.events(DV_PREDICT_BATCH_END);
        run_.context.batch = nullptr;
        run_.context.output = nullptr;
        ++run_.context.batch_idx;
        throw_if_interrupted();
    }
    if (recording) recording->finish();
    outputs.commit();
    run_.events(DV_PREDICT_EPOCH_END);
    run_.events(DV_PREDICT_END);
    run_.context = former;
}

at::Tensor PredictLoop::predict_step(const dv::Batch& batch) {
    Experiment& e = run_.experiment;
    const AutocastScope autocast(e.trainer.precision, e.strategy->device());
    const ProfileScope scope(e.profiler, Profiler::predict_step);
    return e.model->predict_step(batch);
}

}  // namespace dvhost::loops

#include "loops/predict_loop.hpp"

#include "loops/interrupt.hpp"

#include <dv/npy.hpp>

#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace dvhost::loops {

namespace {

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

PredictLoop::PredictLoop(Run& run) : run_(run), loaders_(open_split(run.experiment, dv::Split::predict)) {
    if (loaders_.empty()) {
        throw dv::Error("there is nothing to predict: this data has no predict split; name one in [data], or remove \"predict\" from "
                        "run.stages");
    }
    for (const data::Loader& loader : loaders_) {
        n_batches_.push_back(run.experiment.trainer.predict_batches.of(loader.n_batches(), "limit_predict_batches"));
    }
    if (std::all_of(n_batches_.begin(), n_batches_.end(), [](std::int64_t n) { return n == 0; })) {
        throw dv::Error("there is nothing to predict: the predict split is empty, or trainer.limit_predict_batches is 0");
    }
}

std::int64_t PredictLoop::n_samples(std::size_t loader) const {
    return std::min(loaders_[loader].n_samples(), n_batches_[loader] * run_.experiment.loader.batch_size);
}

void PredictLoop::run() {
    Experiment& e = run_.experiment;
    const at::NoGradGuard no_grad;  // nothing here is trained
    const RunContext former = run_.context;
    run_.hooks.around(dv::Hook::on_predict_model_eval, [&] { e.model->train(false); });
    run_.context.stage = DV_STAGE_PREDICT;
    run_.context.stage_start = now();
    run_.context.n_loaders = loaders_.size();

    run_.events(DV_PREDICT_START);
    run_.events(DV_PREDICT_EPOCH_START);
    std::optional<recording::StageRecording> recording;
    if (e.recording.any("predict")) {
        std::int64_t all = 0;
        for (std::size_t i = 0; i < loaders_.size(); ++i) all += n_samples(i);
        recording.emplace(e.recording, "predict", *e.model, all);
    }
    for (std::size_t i = 0; i < loaders_.size(); ++i) predict(i, recording ? &*recording : nullptr);
    if (recording) recording->finish();
    run_.events(DV_PREDICT_EPOCH_END);
    run_.events(DV_PREDICT_END);
    run_.context = former;
}

void PredictLoop::predict(std::size_t loader, recording::StageRecording* recording) {
    if (n_batches_[loader] == 0) return;
    std::filesystem::path file = run_.experiment.predictions;
    if (loaders_.size() > 1) file.replace_filename(file.stem().string() + "_" + std::to_string(loader) + file.extension().string());
    Outputs outputs(file, n_samples(loader));
    run_.context.n_batches = n_batches_[loader];
    run_.context.batch_idx = 0;
    run_.context.dataloader_idx = loader;
    const auto batches = loaders_[loader].epoch(0, n_batches_[loader]);
    while (auto batch = next_batch(run_, *batches, Profiler::predict_next)) {
        batch->dataloader_idx = static_cast<std::int32_t>(loader);
        run_.context.batch = &*batch;
        run_.events(DV_PREDICT_BATCH_START);
        if (recording) recording->begin_batch(*batch);
        const dv::StepOutput output{{}, predict_step(*batch), {}, {}};
        if (recording) recording->end_batch(*batch, output.outputs, {});
        outputs.append(output.outputs);
        run_.context.output = &output;
        run_.events(DV_PREDICT_BATCH_END);
        run_.context.batch = nullptr;
        run_.context.output = nullptr;
        ++run_.context.batch_idx;
        throw_if_interrupted();
    }
    outputs.commit();
}

at::Tensor PredictLoop::predict_step(const dv::Batch& batch) {
    Experiment& e = run_.experiment;
    const AutocastScope autocast(e.trainer.precision, e.strategy->device());
    const ProfileScope scope(e.profiler, Profiler::predict_step);
    return e.model->predict_step(batch);
}

}  // namespace dvhost::loops

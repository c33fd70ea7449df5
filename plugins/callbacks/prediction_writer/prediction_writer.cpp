#include "run_folder.hpp"

#include <dv/npy.hpp>
#include <dv/torch/callback.hpp>

#include <ATen/ops/argsort.h>
#include <ATen/ops/cat.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

namespace {

enum class Interval { batch, epoch, batch_and_epoch };

void write(const std::filesystem::path& file, const at::Tensor& values) {
    const at::Tensor plain = values.contiguous();
    dv::npy::Writer out(file, plain.scalar_type() == at::kLong ? dv::npy::Type::int64 : dv::npy::Type::float32,
                        dv::npy::Shape(plain.sizes().begin(), plain.sizes().end()));
    out.append({static_cast<const std::byte*>(plain.const_data_ptr()), static_cast<std::size_t>(plain.nbytes())});
    out.commit();
}

/// Writes what the model predicts, with the positions of the samples in their split. As Lightning's BasePredictionWriter.
struct PredictionWriter final : dv::TorchCallback, dv::OnPredictStart, dv::OnPredictBatchEnd, dv::OnPredictEpochEnd {
    std::string dirpath;
    Interval write_interval = Interval::batch;
    static constexpr auto params = dv::schema(
        dv::p("dirpath", &PredictionWriter::dirpath, "predictions", "folder of the files, seen from the run's folder"),
        dv::p("write_interval", &PredictionWriter::write_interval, Interval::batch,
              "batch: files for each batch, nothing is held in memory; epoch: one file in the order of the samples",
              dv::choices("batch", "epoch", "batch_and_epoch")));

    void on_predict_start(const dv::RunView&, dv::Answer&) override {
        folder_ = callbacks::in_run_folder(*this, "dirpath", dirpath);
        outputs_.clear(), positions_.clear();
    }

    void on_predict_batch_end(const dv::RunView& run, dv::Answer&) override {
        if (!step().batch || !step().output || !step().output->outputs.defined()) return;
        const at::Tensor outputs = step().output->outputs.detach().to(at::kCPU, at::kFloat);
        const at::Tensor positions = step().batch->index.detach().to(at::kCPU, at::kLong);
        if (write_interval != Interval::epoch) {
            char name[40];
            std::snprintf(name, sizeof name, "batch_%06lld", static_cast<long long>(run->batch_idx));
            write(folder_ / (std::string(name) + ".npy"), outputs);
            write(folder_ / (std::string(name) + "_index.npy"), positions);
        }
        if (write_interval == Interval::batch) return;
        outputs_.push_back(outputs.clone());  // the batch's memory is used again
        positions_.push_back(positions.clone());
    }

    void on_predict_epoch_end(const dv::RunView&, dv::Answer&) override {
        if (outputs_.empty()) return;
        const at::Tensor positions = at::cat(positions_), order = at::argsort(positions, /*stable=*/true, 0, false);
        write(folder_ / "predictions.npy", at::cat(outputs_).index_select(0, order));
        write(folder_ / "predictions_index.npy", positions.index_select(0, order));
        outputs_.clear(), positions_.clear();
    }

private:
    std::filesystem::path folder_;
    std::vector<at::Tensor> outputs_, positions_;  // of an epoch, on the CPU
};

}  // namespace
DV_COMPONENT(PredictionWriter, "dvhost.callback.prediction_writer",
             "Writes predictions and the positions of their samples");

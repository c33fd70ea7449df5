#pragma once
/// A callback that averages the weights by optimizer step, evaluates with the average and keeps it in checkpoints.

#include "averaged_weights.hpp"

#include <dv/torch/callback.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace callbacks {

/// What ema and weight_averaging share. As Lightning's WeightAveraging: while a validation runs, and in a checkpoint's weights, the
/// model is the average; at the end of training it becomes it. The weights that training goes on with are in the checkpoint
/// beside the average.
struct Averaging : dv::TorchCallback,
                   dv::OnFitStart,
                   dv::OnOptimizerStepDone,
                   dv::OnTrainEpochEnd,
                   dv::OnValidationStart,
                   dv::OnValidationEnd,
                   dv::OnTrainEnd,
                   dv::OnSaveCheckpoint,
                   dv::OnCheckpointTaken,
                   dv::OnLoadCheckpoint,
                   dv::OnException {
    std::optional<std::string> device;
    bool use_buffers = true;

    void open() override;
    void on_fit_start(const dv::RunView& run, dv::Answer&) override;
    void on_optimizer_step_done(const dv::RunView& run, dv::Answer&) override;
    void on_train_epoch_end(const dv::RunView& run, dv::Answer&) override;
    void on_validation_start(const dv::RunView&, dv::Answer&) override;
    void on_validation_end(const dv::RunView&, dv::Answer&) override;
    void on_train_end(const dv::RunView&, dv::Answer&) override;
    void on_save_checkpoint(const dv::RunView&, dv::Answer&) override;
    void on_checkpoint_taken(const dv::RunView&, dv::Answer&) override;
    void on_load_checkpoint(const dv::RunView&, dv::Answer&) override;
    void on_exception(const dv::RunView&, dv::Answer&) override;

    void save_state(dv::StateWriter& out) const override;
    void load_state(const dv::StateReader& state) override;
    std::vector<dv::NamedTensor> save_tensors() const override { return average_.tensors(); }
    void load_tensors(std::span<const dv::NamedTensor> tensors) override { average_.load(tensors); }

protected:
    /// Whether the weights after an optimizer step, or an epoch, are averaged in; both are counted from 0.
    virtual bool due_after_step(std::int64_t step) const = 0;
    virtual bool due_after_epoch(std::int64_t epoch) const = 0;
    /// How much of the average the new weights become, after `n` updates.
    virtual double share(std::int64_t n) const = 0;

private:
    void update();

    AveragedWeights average_;
    std::int64_t latest_step_ = 0, latest_epoch_ = -1;
    bool validating_ = false;  // with the average in the model
    bool fitting_ = false;
};

}  // namespace callbacks

#pragma once
/// A callback of kind dv.torch_callback under test, and the run that it sees.
///
///     TorchCallbackHandle ema(plugin.make<dv::TorchCallback>("ema", {{"decay", 0.5}}));
///     ema.training().weights = {{"w", weight}};
///     ema.phase(DV_OPTIMIZER_STEP_DONE, RunBuilder().step(1));

#include <dv/testing/handles.hpp>
#include <dv/torch/callback.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dv::testing {

/// Weights and rates in memory.
class FakeTraining final : public Training {
public:
    std::vector<NamedTensor> weights;
    /// Of parameters that are not in the group "regular".
    std::map<std::string, std::string, std::less<>> groups;
    /// Every call of scale_lr(), in order.
    std::vector<std::pair<std::string, double>> scaled;

    std::vector<NamedTensor> parameters() const override { return weights; }
    void scale_lr(std::string_view group, double factor) override { scaled.emplace_back(group, factor); }
    std::string group_of(std::string_view parameter) const override;
};

class TorchCallbackHandle {
public:
    /// `callback` came out of a plugin (Plugin::make).
    explicit TorchCallbackHandle(std::shared_ptr<TorchCallback> callback);

    FakeTraining& training() { return *training_; }
    /// What the following phases see of the batch in hand.
    std::optional<Batch> batch;
    std::optional<StepOutput> output;

    std::uint64_t phases() const { return phases_; }
    bool wants(dv_phase phase) const { return (phases_ >> phase & 1u) != 0; }
    bool monitors() const { return callback_->monitors(); }
    /// One phase, as the host does it: nothing happens when the callback has not asked for it. Throws dv::ComponentError.
    AnswerLog phase(dv_phase phase, const RunBuilder& run = {});
    AnswerLog force_phase(std::uint32_t phase, const dv_run& run);

    /// As a host does it with checkpoints.
    std::string state_key() const { return callback_->state_key(); }
    Config save_state() const;
    void load_state(const Config& state);
    /// Copies, as a file keeps them.
    std::vector<NamedTensor> save_tensors() const;
    void load_tensors(const std::vector<NamedTensor>& tensors) { callback_->load_tensors(tensors); }

private:
    std::shared_ptr<TorchCallback> callback_;
    TorchCallbackProxy& proxy_;
    std::shared_ptr<FakeTraining> training_;
    std::uint64_t phases_;
};

}  // namespace dv::testing

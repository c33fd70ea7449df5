#pragma once
/// What Lightning's acceptance cases have in common (docs/trainer.md): a model whose gradient is 1, an optimizer that keeps what it gets, and
/// the run around them.

#include "boring.hpp"
#include "loops/trainer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <tuple>

namespace dvhost::testing {

/// The gradient of every weight is 1 in each batch, whatever the data.
struct UnitModel final : dv::Model {
    at::Tensor weight = at::zeros({1});
    std::vector<std::int64_t> without_loss;  // batches that give none
    UnitModel() { weight.requires_grad_(); }
    std::vector<dv::NamedTensor> parameters() const override { return {{"weight", weight, true}}; }
    dv::StepOutput training_step(const dv::Batch& batch, const dv::Loss&) override {
        dv::StepOutput out;
        const bool none = std::find(without_loss.begin(), without_loss.end(), batch.batch_idx) != without_loss.end();
        if (!none) out.loss = weight.sum();
        return out;
    }
    dv::StepOutput validation_step(const dv::Batch&, const dv::Loss&) override { return {weight.detach().sum(), at::zeros({1, 1, 2}), at::zeros({1, 1}, at::kLong), {}}; }
};

/// Keeps the gradient of each step.
struct GradientKeeper final : dv::Optimizer {
    std::vector<double> gradients;
    std::int64_t zeroed = 0;
    std::vector<dv::OptimizerState> state() const override { return {}; }
    void load_state(std::span<const dv::OptimizerState>) override {}
    std::vector<dv::GroupOption> options(std::size_t) const override { return {}; }
    void zero_grad() override {
        ++zeroed;
        dv::Optimizer::zero_grad();
    }

protected:
    void step_group(dv::ParameterGroup& group) override { gradients.push_back(group.parameters.front().tensor.grad().sum().item<double>()); }
};

struct Halving final : dv::Schedule {
    double factor(const dv_schedule_point& at) const override { return std::pow(0.5, static_cast<double>(at.count)); }
};

class Acceptance : public ::testing::Test {
protected:
    CollectingSink sink;
    loops::Experiment e = boring_experiment(sink);
    std::shared_ptr<UnitModel> model = std::make_shared<UnitModel>();
    std::shared_ptr<GradientKeeper> optimizer = std::make_shared<GradientKeeper>();
    BoringData& data = static_cast<BoringData&>(*e.data);
    std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t>> validations;  // epoch, batches, global step

    Acceptance() {
        e.model = model;
        optimizer->lr = 1.0;
        e.optimizers = {optimizer};
        e.metrics.clear();
        e.train_metrics.clear();
        batches(5);
        data.n_val = 4;
    }
    void batches(std::int64_t n) { data.n_train = 4 * n; }
    void on(FunctionCallback::Function f) { e.callbacks.push_back(std::make_shared<FunctionCallback>(std::move(f))); }
    void note_validations() {
        on([this](std::uint32_t phase, const dv_run& run, const dv_answer&) {
            if (phase != DV_VALIDATION_START || run.stage == DV_STAGE_SANITY_CHECK) return;
            validations.emplace_back(run.epoch, run.batches, run.global_step);
        });
    }
    /// current_epoch and global_step at the end.
    std::pair<std::int64_t, std::int64_t> fit() {
        loops::Trainer trainer(e);
        trainer.run({loops::StageKind::fit});
        return {trainer.progress().epoch, trainer.progress().global_step};
    }
    std::string refusal() {
        try {
            fit();
        } catch (const dv::Error& error) {
            return error.what();
        }
        return "";
    }
    std::vector<std::int64_t> validated_after() const {
        std::vector<std::int64_t> out;
        for (const auto& v : validations) out.push_back(std::get<1>(v));
        return out;
    }
};

}  // namespace dvhost::testing

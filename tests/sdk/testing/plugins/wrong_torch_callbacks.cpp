// Torch callbacks that break one promise each; the suite must notice. `Quiet` breaks none.
#include <dv/torch/callback.hpp>

#include <ATen/core/grad_mode.h>

namespace {

/// Shows a validation weights that are half as large.
struct Quiet : dv::TorchCallback, dv::OnValidationStart, dv::OnValidationEnd {
    void on_validation_start(const dv::RunView&, dv::Answer&) override { scale(0.5); }
    void on_validation_end(const dv::RunView&, dv::Answer&) override {
        if (inside_) scale(2.0);
    }
    void save_state(dv::StateWriter& out) const override { out.put("seen", seen_); }
    void load_state(const dv::StateReader& state) override { seen_ = state.get<std::int64_t>("seen").value_or(0); }

protected:
    void scale(double factor) {
        const at::NoGradGuard no_grad;
        for (const dv::NamedTensor& t : training().parameters()) t.tensor.mul_(factor);
        inside_ = factor < 1.0;
        ++seen_;
    }
    std::int64_t seen_ = 0;
    bool inside_ = false;
};
DV_COMPONENT(Quiet, "test.torch_callback.quiet", "Breaks no promise");

struct Idle final : dv::TorchCallback {};
DV_COMPONENT(Idle, "test.torch_callback.idle", "Asks for no phase");

struct Grumpy final : dv::TorchCallback, dv::OnOptimizerStepDone {
    void on_optimizer_step_done(const dv::RunView& run, dv::Answer&) override {
        if (run->global_step > 4) throw dv::Error("enough");
    }
};
DV_COMPONENT(Grumpy, "test.torch_callback.grumpy", "Fails in the middle of a run");

struct Greedy final : Quiet {
    void on_validation_end(const dv::RunView&, dv::Answer&) override {}
};
DV_COMPONENT(Greedy, "test.torch_callback.greedy", "Keeps the weights that a validation saw");

struct Forgetful final : Quiet {
    void load_state(const dv::StateReader&) override {}
};
DV_COMPONENT(Forgetful, "test.torch_callback.forgetful", "Saves a state and does not take it back");

struct Trusting final : dv::TorchCallback, dv::OnTrainBatchEnd {
    void on_train_batch_end(const dv::RunView&, dv::Answer&) override {
        if (!step().output) throw dv::Error("");
    }
};
DV_COMPONENT(Trusting, "test.torch_callback.trusting", "Fails without a text where there is no output");

}  // namespace

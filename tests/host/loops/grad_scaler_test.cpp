#include "acceptance.hpp"
#include "loops/grad_scaler.hpp"

#include <ATen/ops/full.h>

#include <gtest/gtest.h>

#include <limits>

namespace dvhost::testing {
namespace {

using loops::GradScaler;

/// A parameter with this gradient.
std::vector<dv::NamedTensor> with_gradient(double value) {
    at::Tensor t = at::zeros({2});
    t.requires_grad_();
    t.mutable_grad() = at::full({2}, value);
    return {{"w", t, true}};
}

TEST(GradScaler, DividesWhatItMultiplied) {
    GradScaler scaler(true);
    const auto parameters = with_gradient(scaler.scaled(at::full({}, 3.0)).item<double>());
    EXPECT_TRUE(scaler.unscale(parameters));
    EXPECT_EQ(parameters[0].tensor.grad()[0].item<double>(), 3.0);
}

/// torch.amp.GradScaler's constants: half after an overflow, twice after 2000 steps without.
TEST(GradScaler, AdaptsItsFactor) {
    GradScaler scaler(true);
    EXPECT_EQ(scaler.state().scale, 65536.0);
    EXPECT_FALSE(scaler.unscale(with_gradient(std::numeric_limits<double>::infinity())));
    EXPECT_EQ(scaler.state().scale, 32768.0);
    EXPECT_FALSE(scaler.unscale(with_gradient(std::numeric_limits<double>::quiet_NaN())));
    EXPECT_EQ(scaler.state().scale, 16384.0);
    for (int i = 0; i < 1999; ++i) EXPECT_TRUE(scaler.unscale(with_gradient(1.0)));
    EXPECT_EQ(scaler.state().scale, 16384.0);
    EXPECT_TRUE(scaler.unscale(with_gradient(1.0)));
    EXPECT_EQ(scaler.state().scale, 32768.0);
}

TEST(GradScaler, OffItChangesNothing) {
    GradScaler scaler(false);
    const at::Tensor loss = at::full({}, 3.0);
    EXPECT_TRUE(scaler.scaled(loss).is_same(loss));
    EXPECT_TRUE(scaler.unscale(with_gradient(std::numeric_limits<double>::infinity())));
}

/// A finite loss whose gradient overflows in one batch, once it is scaled.
struct Overflowing final : dv::Model {
    at::Tensor weight = at::zeros({1});
    Overflowing() { weight.requires_grad_(); }
    std::vector<dv::NamedTensor> parameters() const override { return {{"weight", weight, true}}; }
    dv::StepOutput training_step(const dv::Batch& batch, const dv::Loss&) override {
        dv::StepOutput out;
        out.loss = weight.sum().mul(batch.batch_idx == 1 ? 1e35 : 1.0);
        return out;
    }
};

TEST_F(Acceptance, Case45AnOverflowSkipsTheStepAndHalvesTheScale) {
    e.model = std::make_shared<Overflowing>();
    e.trainer.precision = loops::Precision::half_mixed;
    batches(3);
    data.n_val = 0;
    loops::Trainer trainer(e);
    trainer.run({loops::StageKind::fit});
    EXPECT_EQ(optimizer->gradients, (std::vector<double>{1.0, 1.0}));
    EXPECT_EQ(trainer.progress().global_step, 3);
    EXPECT_EQ(trainer.progress().skipped_steps, 1);
    EXPECT_EQ(trainer.checkpoint().scaler.scale, 32768.0);
}

}  // namespace
}  // namespace dvhost::testing

#include <dv/testing/load.hpp>
#include <dv/testing/torch.hpp>
#include <dv/testing/torch/callback.hpp>

#include <ATen/core/grad_mode.h>

#include <gtest/gtest.h>

namespace {

using dv::testing::Config;
using dv::testing::Plugin;
using dv::testing::RunBuilder;
using dv::testing::tensor;
using dv::testing::TorchCallbackHandle;

/// One weight that steps from -0.1 to -0.4, as in the measurements of Lightning.
class EmaTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};
    at::Tensor w = tensor({0.0}, {1}), count = at::Tensor(tensor({0}, {1})).to(at::kLong);
    RunBuilder run;

    TorchCallbackHandle make(Config config) {
        if (!config.get("decay")) config.set("decay", 0.5);
        TorchCallbackHandle ema(plugin.make<dv::TorchCallback>("ema", config));
        ema.training().weights = {{"w", w, true}, {"n", count, false}};
        return ema;
    }
    double value() const { return w.item<double>(); }
    void set(double to) {
        const at::NoGradGuard no_grad;
        w.fill_(to);
    }
    void step(TorchCallbackHandle& ema, int i) {
        set(-0.1 * (i + 1));
        ema.phase(DV_OPTIMIZER_STEP_DONE, run.stage(DV_STAGE_TRAIN).step(i + 1));
    }
    /// What the model is at the end.
    double trained(const Config& config) {
        set(0.0);
        TorchCallbackHandle ema = make(config);
        ema.phase(DV_FIT_START, run);
        for (int i = 0; i < 4; ++i) step(ema, i);
        ema.phase(DV_TRAIN_END, run);
        return value();
    }
};

TEST_F(EmaTest, AveragesAsLightningDoes) {
    EXPECT_NEAR(trained({}), -0.3125, 1e-6);
    EXPECT_NEAR(trained({{"update_every_n_steps", 2}}), -0.2, 1e-6);
    EXPECT_NEAR(trained({{"update_starting_at_step", 2}}), -0.35, 1e-6);
    EXPECT_NEAR(trained({{"decay", 0.0}}), -0.4, 1e-6);
    EXPECT_NEAR(trained({{"decay", 1.0}}), -0.1, 1e-6);
    EXPECT_NEAR(trained({{"update_starting_at_step", 9}}), -0.4, 1e-6);  // there is no average
}

TEST_F(EmaTest, EpochsCanBeAveragedInToo) {
    TorchCallbackHandle ema = make({{"update_starting_at_step", 9}, {"update_starting_at_epoch", 1}});
    ema.phase(DV_FIT_START, run);
    for (int epoch = 0; epoch < 3; ++epoch) {
        set(epoch);
        ema.phase(DV_TRAIN_EPOCH_END, run.epoch(epoch));
    }
    ema.phase(DV_TRAIN_END, run);
    EXPECT_NEAR(value(), 1.5, 1e-6);
}

TEST_F(EmaTest, AValidationSeesTheAverage) {
    TorchCallbackHandle ema = make({});
    ema.phase(DV_FIT_START, run);
    ema.phase(DV_VALIDATION_START, run.stage(DV_STAGE_SANITY_CHECK));
    EXPECT_EQ(value(), 0.0);
    ema.phase(DV_VALIDATION_END, run);
    step(ema, 0), step(ema, 1);
    ema.phase(DV_VALIDATION_START, run.stage(DV_STAGE_VALIDATE));
    EXPECT_NEAR(value(), -0.15, 1e-6);
    ema.phase(DV_VALIDATION_END, run);
    EXPECT_NEAR(value(), -0.2, 1e-6);
}

TEST_F(EmaTest, ACheckpointHoldsTheAverageAndTheWeightsThatTrainingGoesOnWith) {
    TorchCallbackHandle ema = make({});
    ema.phase(DV_FIT_START, run);
    step(ema, 0), step(ema, 1);
    ema.phase(DV_SAVE_CHECKPOINT, run);
    EXPECT_NEAR(value(), -0.15, 1e-6);
    const Config state = ema.save_state();
    const auto tensors = ema.save_tensors();
    ema.phase(DV_CHECKPOINT_TAKEN, run);
    EXPECT_NEAR(value(), -0.2, 1e-6);

    set(-0.15);  // what the file has for weights
    TorchCallbackHandle resumed = make({});
    resumed.load_state(state);
    resumed.load_tensors(tensors);
    resumed.phase(DV_LOAD_CHECKPOINT, run);
    EXPECT_NEAR(value(), -0.15, 1e-6);  // whoever only evaluates has the average
    resumed.phase(DV_FIT_START, run);
    EXPECT_NEAR(value(), -0.2, 1e-6);
    step(resumed, 2), step(resumed, 3);
    resumed.phase(DV_TRAIN_END, run);
    EXPECT_NEAR(value(), -0.3125, 1e-6);
}

TEST_F(EmaTest, ACheckpointWithinAValidationChangesNothingForIt) {
    TorchCallbackHandle ema = make({});
    ema.phase(DV_FIT_START, run);
    step(ema, 0), step(ema, 1);
    ema.phase(DV_VALIDATION_START, run);
    ema.phase(DV_SAVE_CHECKPOINT, run);
    ema.phase(DV_CHECKPOINT_TAKEN, run);
    EXPECT_NEAR(value(), -0.15, 1e-6);
    ema.phase(DV_VALIDATION_END, run);
    EXPECT_NEAR(value(), -0.2, 1e-6);
}

TEST_F(EmaTest, AStepIsAveragedOnce) {
    TorchCallbackHandle ema = make({});
    ema.phase(DV_FIT_START, run);
    step(ema, 0), step(ema, 1);
    ema.phase(DV_OPTIMIZER_STEP_DONE, run);  // the same global_step
    ema.phase(DV_TRAIN_END, run);
    EXPECT_NEAR(value(), -0.15, 1e-6);
}

TEST_F(EmaTest, BuffersCanBeLeftOutAndCountsAreCopied) {
    for (const bool use_buffers : {true, false}) {
        TorchCallbackHandle ema = make({{"use_buffers", use_buffers}});
        const at::Tensor mean = tensor({1.0}, {1});
        ema.training().weights.push_back({"mean", mean, false});
        ema.phase(DV_FIT_START, run);
        step(ema, 0);
        mean.fill_(3.0), count.fill_(7);
        step(ema, 1);
        mean.fill_(5.0), count.fill_(9);
        ema.phase(DV_TRAIN_END, run);
        EXPECT_NEAR(mean.item<double>(), use_buffers ? 2.0 : 5.0, 1e-6);
        EXPECT_EQ(count.item<std::int64_t>(), use_buffers ? 7 : 9);
    }
}

TEST_F(EmaTest, AnAverageOfAnotherModelIsRefused) {
    TorchCallbackHandle ema = make({});
    ema.load_tensors({{"average.v", tensor({1.0}, {1}), false}, {"current.v", tensor({1.0}, {1}), false}});
    try {
        ema.phase(DV_FIT_START, run);
        FAIL() << "weights of another model were taken";
    } catch (const dv::ComponentError& error) {
        EXPECT_NE(error.text.find("'v', which the model does not have"), std::string::npos) << error.text;
    }
    try {
        make({{"device", "abacus"}});
        FAIL() << "a device that is none was taken";
    } catch (const dv::ComponentError& error) {
        EXPECT_NE(error.text.find("'device' is 'abacus'"), std::string::npos) << error.text;
    }
}

TEST_F(EmaTest, ItsKeyIsLightnings) { EXPECT_EQ(make({}).state_key(), "EMAWeightAveraging"); }

}  // namespace

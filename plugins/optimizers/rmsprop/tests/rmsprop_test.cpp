#include "tests/golden.hpp"

#include <gtest/gtest.h>

namespace {

using namespace dv::optimizers::testing;
using dv::NamedTensor;
using dv::testing::Config;

const std::vector<Golden> kGoldens{
#include "goldens/rmsprop.inc"
};

TEST(RmsProp, FollowsPyTorchAndGoesOnFromItsState) {
    for (const Golden& golden : kGoldens) expect_follows(golden);
}

// v = (1 - alpha) g² after the first step, whatever g is: the step is lr / √(1 - alpha) long.
TEST(RmsProp, FirstStepIsOfTheSameLengthForAnyGradient) {
    EXPECT_NEAR(after_one_step({{"lr", 0.1}, {"alpha", 0.75}, {"eps", 0.0}}, 0.5), 2.0 - 0.1 / 0.5, 1e-12);
    EXPECT_NEAR(after_one_step({{"lr", 0.1}, {"alpha", 0.75}, {"eps", 0.0}}, -50.0), 2.0 + 0.1 / 0.5, 1e-12);
}

TEST(RmsProp, GoesOnFromItsStateBitForBit) {
    for (const Config& config : {Config{{"lr", 0.01}}, Config{{"lr", 0.01}, {"momentum", 0.9}, {"centered", true}}}) {
        EXPECT_EQ(first_difference_after_reload(*make(config), *make(config), 5), "");
    }
}

TEST(RmsProp, CountsStepsOnTheHostAsPyTorchDoes) {
    const auto optimizer = make();
    const std::vector<NamedTensor> parameters = network(at::kFloat);
    optimizer->build(parameters);
    set_gradients(parameters, 0);
    optimizer->step();
    const dv::OptimizerState step = optimizer->state()[0];
    EXPECT_EQ(step.key, "step");
    EXPECT_TRUE(step.tensor.is_cpu());
    EXPECT_EQ(step.tensor.scalar_type(), at::kFloat);
    EXPECT_EQ(number(step.tensor), 1.0);
}

TEST(RmsProp, WithoutMomentumHasNoneToChange) {
    const auto optimizer = make();
    optimizer->build(network());
    const std::string text = refusal([&] { optimizer->set_momentum(0, 0.5); });
    EXPECT_NE(text.find("'momentum' is 0, and a schedule wants to change it"), std::string::npos) << text;
}

TEST(RmsProp, ListsItsOptionsAsPyTorchDoes) {
    const auto optimizer = make();
    optimizer->build(network());
    EXPECT_EQ(option_keys(*optimizer),
              (std::vector<std::string>{"lr", "momentum", "alpha", "eps", "centered", "weight_decay", "capturable",
                                        "maximize", "differentiable"}));
}

}  // namespace

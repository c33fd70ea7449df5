#include "tests/golden.hpp"

#include <gtest/gtest.h>

namespace {

using namespace dv::optimizers::testing;
using dv::NamedTensor;
using dv::testing::Config;

const std::vector<Golden> kGoldens{
#include "goldens/nadam.inc"
};

TEST(NAdam, FollowsPyTorchAndGoesOnFromItsState) {
    for (const Golden& golden : kGoldens) expect_follows(golden);
}

// With ψ = 0 μ is always half of β₁: the first step is (μ (1−β₁)/(1−μ²) + 1) lr g / (g + ε).
TEST(NAdam, FirstStepLooksAheadByOneStepOfMomentum) {
    const Config config{{"lr", 0.1}, {"momentum_decay", 0.0}, {"betas", dv::testing::list(0.8, 0.9)}, {"eps", 0.0}};
    EXPECT_NEAR(after_one_step(config, 0.5), 2.0 - 0.1 * (0.4 * 0.2 / (1.0 - 0.16) + 1.0),
                1e-7);  // mu_product is a float
}

TEST(NAdam, GoesOnFromItsStateBitForBit) { EXPECT_EQ(first_difference_after_reload(*make(), *make(), 5), ""); }

TEST(NAdam, CountsStepsPerParameter) {
    const auto optimizer = make();
    const std::vector<NamedTensor> parameters = network();
    optimizer->build(parameters);
    set_gradients(parameters, 0);
    optimizer->step();
    optimizer->zero_grad();
    set_gradients({parameters[0]}, 1);
    optimizer->step();
    EXPECT_EQ(number(optimizer->state()[0].tensor), 2.0);
    EXPECT_EQ(number(optimizer->state()[4].tensor), 1.0);
}

TEST(NAdam, ListsItsOptionsAsPyTorchDoes) {
    const auto optimizer = make();
    optimizer->build(network());
    EXPECT_EQ(option_keys(*optimizer),
              (std::vector<std::string>{"lr", "betas", "eps", "weight_decay", "momentum_decay",
                                        "decoupled_weight_decay", "maximize", "capturable", "differentiable"}));
}

}  // namespace

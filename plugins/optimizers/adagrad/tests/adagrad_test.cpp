#include "tests/golden.hpp"

#include <gtest/gtest.h>

namespace {

using namespace dv::optimizers::testing;
using dv::NamedTensor;
using dv::testing::Config;

const std::vector<Golden> kGoldens{
#include "goldens/adagrad.inc"
};

TEST(Adagrad, FollowsPyTorchAndGoesOnFromItsState) {
    for (const Golden& golden : kGoldens) expect_follows(golden);
}

// s = g² after the first step: it goes lr far; the second with the same gradient lr / √2.
TEST(Adagrad, StepsBecomeShorter) {
    const auto optimizer = make({{"lr", 0.1}, {"eps", 0.0}});
    const NamedTensor w = scalar_parameter(2.0);
    optimizer->build(std::vector{w});
    set_gradient(w.tensor, at::tensor({7.0}, at::TensorOptions(at::kDouble)));
    optimizer->step();
    EXPECT_NEAR(number(w.tensor), 1.9, 1e-12);
    optimizer->step();
    EXPECT_NEAR(number(w.tensor), 1.9 - 0.1 / std::sqrt(2.0), 1e-12);
}

TEST(Adagrad, StartsWithASumBeforeTheFirstStepAsPyTorchDoes) {
    const auto optimizer = make({{"initial_accumulator_value", 0.25}});
    optimizer->build(network());
    EXPECT_EQ(state_keys(*optimizer).size(), 8u);
    EXPECT_EQ(number(optimizer->state()[1].tensor), 0.25);
    EXPECT_EQ(after_one_step({{"lr", 0.1}, {"initial_accumulator_value", 9.0}, {"eps", 0.0}}, 4.0),
              2.0 - 0.1 * 4.0 / 5.0);
}

TEST(Adagrad, GoesOnFromItsStateBitForBit) {
    const Config config{{"lr", 0.01}, {"lr_decay", 0.1}};
    EXPECT_EQ(first_difference_after_reload(*make(config), *make(config), 5), "");
}

TEST(Adagrad, HasNoMomentumToChange) {
    const auto optimizer = make();
    optimizer->build(network());
    EXPECT_NE(refusal([&] { optimizer->set_momentum(0, 0.5); }).find("neither momentum nor betas"), std::string::npos);
}

TEST(Adagrad, ListsItsOptionsAsPyTorchDoes) {
    const auto optimizer = make();
    optimizer->build(network());
    EXPECT_EQ(option_keys(*optimizer),
              (std::vector<std::string>{"lr", "lr_decay", "eps", "weight_decay", "initial_accumulator_value",
                                        "maximize", "differentiable", "fused"}));
}

}  // namespace

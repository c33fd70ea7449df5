#include "tests/golden.hpp"

#include <gtest/gtest.h>

namespace {

using namespace dv::optimizers::testing;
using dv::NamedTensor;
using dv::testing::Config;

const std::vector<Golden> kGoldens{
#include "goldens/radam.inc"
};

TEST(RAdam, FollowsPyTorchAndGoesOnFromItsState) {
    for (const Golden& golden : kGoldens) expect_follows(golden);
}

// While the variance is not to be trusted it goes along m/(1−β₁ᵗ), which is g at first.
TEST(RAdam, StartsAsMomentumWithoutScaling) {
    EXPECT_NEAR(after_one_step({{"lr", 0.1}}, 0.5), 2.0 - 0.1 * 0.5, 1e-12);
    EXPECT_NEAR(after_one_step({{"lr", 0.1}}, 5.0), 2.0 - 0.1 * 5.0, 1e-12);
}

// After very many equal gradients r is 1 and m = √v: steps are lr long, whatever the gradient.
TEST(RAdam, EndsAsAdam) {
    const auto optimizer = make({{"lr", 0.1}, {"betas", dv::testing::list(0.5, 0.9)}});
    const NamedTensor w = scalar_parameter(2.0);
    optimizer->build(std::vector{w});
    set_gradient(w.tensor, at::tensor({7.0}, at::TensorOptions(at::kDouble)));
    for (int i = 0; i < 400; ++i) optimizer->step();
    const double before = number(w.tensor);
    optimizer->step();
    EXPECT_NEAR(before - number(w.tensor), 0.1, 1e-6);
}

TEST(RAdam, GoesOnFromItsStateBitForBit) {
    const Config config{{"betas", dv::testing::list(0.9, 0.8)}};  // five steps are enough to be rectified
    EXPECT_EQ(first_difference_after_reload(*make(config), *make(config), 5), "");
}

TEST(RAdam, ListsItsOptionsAsPyTorchDoes) {
    const auto optimizer = make();
    optimizer->build(network());
    EXPECT_EQ(option_keys(*optimizer),
              (std::vector<std::string>{"lr", "betas", "eps", "weight_decay", "maximize", "capturable",
                                        "differentiable", "decoupled_weight_decay"}));
}

}  // namespace

#include "tests/adam_family.hpp"
#include "tests/golden.hpp"

namespace dv::optimizers::testing {

INSTANTIATE_TEST_SUITE_P(AdamW, AdamFamily, ::testing::Values(AdamVariant{"adamw", /*decoupled=*/true, 1e-2}));

// The weight shrinks by lr · weight_decay; then Adam's first step goes lr far.
TEST_P(AdamFamily, FirstStepDecaysTheWeightAndGoesTheLearningRate) {
    const auto optimizer = make({{"lr", 0.1}, {"weight_decay", 0.5}});
    const NamedTensor w = scalar_parameter(2.0);
    optimizer->build(std::vector{w});
    set_gradient(w.tensor, at::tensor({0.5}));
    optimizer->step();
    EXPECT_NEAR(number(w.tensor), 2.0 * (1 - 0.1 * 0.5) - 0.1 * 0.5 / (0.5 + 1e-8), 1e-15);
}

TEST_P(AdamFamily, WeightDecayStaysOutOfTheMoments) {
    const auto optimizer = make({{"lr", 0.1}, {"weight_decay", 0.5}});
    const NamedTensor w = scalar_parameter(2.0);
    optimizer->build(std::vector{w});
    set_gradient(w.tensor, at::tensor({0.0}));
    optimizer->step();
    EXPECT_NEAR(number(w.tensor), 1.9, 1e-15);
    EXPECT_EQ(number(optimizer->state()[1].tensor), 0.0);
}

const std::vector<Golden> kGoldens{
#include "goldens/adamw.inc"
};

TEST(AdamWGoldens, FollowsPyTorchAndGoesOnFromItsState) {
    for (const Golden& golden : kGoldens) expect_follows(golden);
}

}  // namespace dv::optimizers::testing

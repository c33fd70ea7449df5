#include "tests/adam_family.hpp"
#include "tests/golden.hpp"

namespace dv::optimizers::testing {

INSTANTIATE_TEST_SUITE_P(Adam, AdamFamily, ::testing::Values(AdamVariant{"adam", /*decoupled=*/false, 0.0}));

// m̂ = g and v̂ = g² after the first step, whatever the betas: it goes lr · sign(g) far.
TEST_P(AdamFamily, FirstStepIsTheLearningRate) {
    const auto optimizer = make({{"lr", 0.1}});
    const NamedTensor w = scalar_parameter(2.0);
    optimizer->build(std::vector{w});
    set_gradient(w.tensor, at::tensor({0.5}));
    optimizer->step();
    EXPECT_NEAR(number(w.tensor), 2.0 - 0.1 * 0.5 / (0.5 + 1e-8), 1e-15);
}

// The penalty's gradient goes through the moments, so a weight without another gradient also moves by lr.
TEST_P(AdamFamily, WeightDecayIsPartOfTheGradient) {
    const auto optimizer = make({{"lr", 0.1}, {"weight_decay", 0.01}, {"eps", 0.0}});
    const NamedTensor w = scalar_parameter(2.0);
    optimizer->build(std::vector{w});
    set_gradient(w.tensor, at::tensor({0.0}));
    optimizer->step();
    EXPECT_NEAR(number(w.tensor), 1.9, 1e-15);
}

const std::vector<Golden> kGoldens{
#include "goldens/adam.inc"
};

TEST(AdamGoldens, FollowsPyTorchAndGoesOnFromItsState) {
    for (const Golden& golden : kGoldens) expect_follows(golden);
}

}  // namespace dv::optimizers::testing

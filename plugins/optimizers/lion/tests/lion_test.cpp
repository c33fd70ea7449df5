#include "tests/golden.hpp"

#include <gtest/gtest.h>

namespace {

using namespace dv::optimizers::testing;
using dv::NamedTensor;
using dv::testing::Config;

const std::vector<Golden> kGoldens{
#include "goldens/lion.inc"
};

TEST(Lion, FollowsPyTorchAndGoesOnFromItsState) {
    for (const Golden& golden : kGoldens) expect_follows(golden);
}

TEST(Lion, AllStepsAreOfOneSize) {
    for (const double gradient : {1e-6, 0.5, 1e6})
        EXPECT_NEAR(after_one_step({{"lr", 0.1}}, gradient), 1.9, 1e-12) << gradient;
    EXPECT_NEAR(after_one_step({{"lr", 0.1}}, -3.0), 2.1, 1e-12);
    EXPECT_EQ(after_one_step({{"lr", 0.1}}, 0.0), 2.0);
}

TEST(Lion, WeightDecayIsDecoupled) {
    EXPECT_NEAR(after_one_step({{"lr", 0.1}, {"weight_decay", 0.5}}, 1.0), 2.0 * (1.0 - 0.05) - 0.1, 1e-12);
}

TEST(Lion, GoesOnFromItsStateBitForBit) {
    const Config config{{"lr", 0.01}};
    EXPECT_EQ(first_difference_after_reload(*make(config), *make(config), 5), "");
}

TEST(Lion, ListsItsOptionsAsItsAuthorsDo) {
    const auto optimizer = make();
    optimizer->build(network());
    EXPECT_EQ(option_keys(*optimizer), (std::vector<std::string>{"lr", "betas", "weight_decay", "maximize"}));
}

}  // namespace

#include <dv/testing/torch.hpp>
#include <dv/torch/loss.hpp>

#include <gtest/gtest.h>

using dv::testing::labels;
using dv::testing::Plugin;
using dv::testing::tensor;

namespace {

TEST(@CLASS_NAME@, OfEqualProbabilitiesFollowsFromTheNumberOfClasses) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto loss = plugin.make<dv::Loss>("@ID@");
    // Four classes at 1/4: (3/4)^2 + 3 (1/4)^2 = 0.75.
    const at::Tensor value = loss->value(tensor({0, 0, 0, 0}, {1, 1, 4}), labels({2}, {1, 1}));
    EXPECT_NEAR(value.item<double>(), 0.75, 1e-6);
}

TEST(@CLASS_NAME@, IsBetweenZeroForCertainlyRightAndTwoForCertainlyWrong) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto loss = plugin.make<dv::Loss>("@ID@");
    const at::Tensor certain = tensor({100, 0, 0}, {1, 1, 3});
    EXPECT_NEAR(loss->value(certain, labels({0}, {1, 1})).item<double>(), 0.0, 1e-6);
    EXPECT_NEAR(loss->value(certain, labels({1}, {1, 1})).item<double>(), 2.0, 1e-6);
}

TEST(@CLASS_NAME@, AveragesOverScoredStepsOnly) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto loss = plugin.make<dv::Loss>("@ID@");
    const at::Tensor outputs = tensor({100, 0, 0, 100, 0, 0}, {1, 2, 3});
    EXPECT_NEAR(loss->value(outputs, labels({1, -1}, {1, 2})).item<double>(), 2.0, 1e-6);
}

}  // namespace

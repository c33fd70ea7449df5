#include "tests/separable_checks.hpp"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/mv.h>

namespace {

using namespace separable_checks;

// Filtering and then mixing is one convolution with the product of both kernels; constants pass through the mixing.
TEST(DepthPointwise, IsOneConvolutionWithProductKernels) {
    const auto recurrence = made("depthpointwise");
    named(*recurrence, "depthwise_conv.bias").data().copy_(dv::testing::uniform(1, {3}));
    named(*recurrence, "pointwise_conv.bias").data().copy_(dv::testing::uniform(2, {2}));
    const at::Tensor point = named(*recurrence, "pointwise_conv.weight").view({2, 3});
    const at::Tensor kernels =
        at::einsum("oi,iyx->oiyx", {point, named(*recurrence, "depthwise_conv.weight").view({3, 3, 3})});
    const at::Tensor constants =
        at::mv(point, named(*recurrence, "depthwise_conv.bias")).add(named(*recurrence, "pointwise_conv.bias"));
    const at::Tensor rate = dv::testing::uniform(3, {4, 3, 5, 6});
    EXPECT_LT(dv::testing::max_difference(recurrence->forward(rate), at::conv2d(rate, kernels, constants, 1, 1)), 1e-6);
}

TEST(DepthPointwise, HasTheReferencesNamesAndStart) {
    expect_names_and_start("depthpointwise", {{"depthwise_conv", {3, 1, 5, 5}}, {"pointwise_conv", {2, 3, 1, 1}}});
}

TEST(DepthPointwise, TheLayerDecidesOnTheBiasUnlessTold) { expect_bias_of_the_layer_unless_told("depthpointwise"); }

TEST(DepthPointwise, SaysItsFormula) { EXPECT_EQ(made("depthpointwise")->equation(), "conv1x1(depthwise3x3(h))"); }

}  // namespace

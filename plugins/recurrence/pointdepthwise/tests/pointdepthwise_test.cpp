#include "tests/separable_checks.hpp"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/zeros.h>

namespace {

using namespace separable_checks;

TEST(PointDepthwise, WithoutConstantsIsOneConvolutionWithProductKernels) {
    const auto recurrence = made("pointdepthwise", {{"bias", false}});
    const at::Tensor kernels =
        at::einsum("oi,oyx->oiyx", {named(*recurrence, "pointwise_conv.weight").view({2, 3}),
                                    named(*recurrence, "depthwise_conv.weight").view({2, 3, 3})});
    const at::Tensor rate = dv::testing::uniform(3, {4, 3, 5, 6});
    EXPECT_LT(dv::testing::max_difference(recurrence->forward(rate), at::conv2d(rate, kernels, {}, 1, 1)), 1e-6);
}

// The mixed channels, constant included, are padded with zeros: a corner sees 4 of 9 weights, the middle all of them.
TEST(PointDepthwise, ConstantsOfTheMixingFadeAtBorders) {
    const auto recurrence = made("pointdepthwise");
    named(*recurrence, "pointwise_conv.bias").data().fill_(2.0);
    named(*recurrence, "depthwise_conv.weight").data().fill_(0.5);
    named(*recurrence, "depthwise_conv.bias").data().fill_(0.25);
    const at::Tensor drive = recurrence->forward(at::zeros({1, 3, 5, 6}));
    EXPECT_EQ(drive[0][1][0][0].item<double>(), 4 * 0.5 * 2.0 + 0.25);
    EXPECT_EQ(drive[0][1][2][3].item<double>(), 9 * 0.5 * 2.0 + 0.25);
}

TEST(PointDepthwise, HasTheReferencesNamesAndStart) {
    expect_names_and_start("pointdepthwise", {{"pointwise_conv", {2, 3, 1, 1}}, {"depthwise_conv", {2, 1, 5, 5}}});
}

TEST(PointDepthwise, TheLayerDecidesOnTheBiasUnlessTold) { expect_bias_of_the_layer_unless_told("pointdepthwise"); }

TEST(PointDepthwise, SaysItsFormula) { EXPECT_EQ(made("pointdepthwise")->equation(), "depthwise3x3(conv1x1(h))"); }

}  // namespace

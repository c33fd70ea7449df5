#include <dv/testing/load.hpp>
#include <dv/testing/torch.hpp>
#include <dv/torch/recurrence.hpp>

#include <ATen/ops/conv2d.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/zeros.h>

#include <gtest/gtest.h>

namespace {

using dv::RecurrenceSite;
using dv::testing::Config;

constexpr RecurrenceSite kSite{
    .source_channels = 3, .target_channels = 2, .kernel = 3, .height = 5, .width = 6, .max_weight_init = 0.1};

std::shared_ptr<dv::Recurrence> made(const Config& config = {}, const RecurrenceSite& site = kSite) {
    auto recurrence = dv::testing::Plugin(DV_PLUGIN_UNDER_TEST).make<dv::Recurrence>("pointdepthwise", config);
    recurrence->build(site);
    return recurrence;
}

at::Tensor named(const dv::Recurrence& recurrence, const std::string& name) {
    for (const dv::NamedTensor& t : recurrence.parameters()) {
        if (t.name == name) return t.tensor;
    }
    return {};
}

TEST(PointDepthwise, WithoutConstantsIsOneConvolutionWithProductKernels) {
    const auto recurrence = made({{"bias", false}});
    const at::Tensor kernels =
        at::einsum("oi,oyx->oiyx", {named(*recurrence, "pointwise_conv.weight").view({2, 3}),
                                    named(*recurrence, "depthwise_conv.weight").view({2, 3, 3})});
    const at::Tensor rate = dv::testing::uniform(3, {4, 3, 5, 6});
    EXPECT_LT(dv::testing::max_difference(recurrence->forward(rate), at::conv2d(rate, kernels, {}, 1, 1)), 1e-6);
}

// The mixed channels, constant included, are padded with zeros: a corner sees 4 of 9 weights, the middle all of them.
TEST(PointDepthwise, ConstantsOfTheMixingFadeAtBorders) {
    const auto recurrence = made();
    named(*recurrence, "pointwise_conv.bias").data().fill_(2.0);
    named(*recurrence, "depthwise_conv.weight").data().fill_(0.5);
    named(*recurrence, "depthwise_conv.bias").data().fill_(0.25);
    const at::Tensor drive = recurrence->forward(at::zeros({1, 3, 5, 6}));
    EXPECT_EQ(drive[0][1][0][0].item<double>(), 4 * 0.5 * 2.0 + 0.25);
    EXPECT_EQ(drive[0][1][2][3].item<double>(), 9 * 0.5 * 2.0 + 0.25);
}

TEST(PointDepthwise, HasTheReferencesNamesAndStart) {
    const auto parameters = made({{"kernel", 5}})->parameters();
    ASSERT_EQ(parameters.size(), 4u);
    EXPECT_EQ(parameters[0].name, "pointwise_conv.weight");
    EXPECT_EQ(parameters[0].tensor.sizes(), (at::IntArrayRef{2, 3, 1, 1}));
    EXPECT_EQ(parameters[1].name, "pointwise_conv.bias");
    EXPECT_EQ(parameters[2].name, "depthwise_conv.weight");
    EXPECT_EQ(parameters[2].tensor.sizes(), (at::IntArrayRef{2, 1, 5, 5}));
    EXPECT_EQ(parameters[3].name, "depthwise_conv.bias");
    for (const auto& p : parameters) {
        EXPECT_LE(p.tensor.abs().max().item<double>(), 0.1) << p.name;
        EXPECT_EQ(p.tensor.eq(0).all().item<bool>(), p.tensor.dim() == 1) << p.name;
    }
}

TEST(PointDepthwise, TheLayerDecidesOnTheBiasUnlessTold) {
    RecurrenceSite bare = kSite;
    bare.bias = 0;
    EXPECT_EQ(made({}, bare)->parameters().size(), 2u);
    EXPECT_EQ(made({{"bias", true}}, bare)->parameters().size(), 4u);
}

TEST(PointDepthwise, SaysItsFormula) { EXPECT_EQ(made()->equation(), "depthwise3x3(conv1x1(h))"); }

}  // namespace

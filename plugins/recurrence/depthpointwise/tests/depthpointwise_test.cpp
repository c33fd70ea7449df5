#include <dv/testing/load.hpp>
#include <dv/testing/torch.hpp>
#include <dv/torch/recurrence.hpp>

#include <ATen/ops/conv2d.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/zeros.h>

#include <gtest/gtest.h>

namespace {

using dv::RecurrenceSite;
using dv::testing::Config;

constexpr RecurrenceSite kSite{
    .source_channels = 3, .target_channels = 2, .kernel = 3, .height = 5, .width = 6, .max_weight_init = 0.1};

std::shared_ptr<dv::Recurrence> made(const Config& config = {}, const RecurrenceSite& site = kSite) {
    auto recurrence = dv::testing::Plugin(DV_PLUGIN_UNDER_TEST).make<dv::Recurrence>("depthpointwise", config);
    recurrence->build(site);
    return recurrence;
}

at::Tensor named(const dv::Recurrence& recurrence, const std::string& name) {
    for (const dv::NamedTensor& t : recurrence.parameters()) {
        if (t.name == name) return t.tensor;
    }
    return {};
}

// Filtering and then mixing is one convolution with the product of both kernels; constants pass through the mixing.
TEST(DepthPointwise, IsOneConvolutionWithProductKernels) {
    const auto recurrence = made();
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
    const auto parameters = made({{"kernel", 5}})->parameters();
    ASSERT_EQ(parameters.size(), 4u);
    EXPECT_EQ(parameters[0].name, "depthwise_conv.weight");
    EXPECT_EQ(parameters[0].tensor.sizes(), (at::IntArrayRef{3, 1, 5, 5}));
    EXPECT_EQ(parameters[1].name, "depthwise_conv.bias");
    EXPECT_EQ(parameters[2].name, "pointwise_conv.weight");
    EXPECT_EQ(parameters[2].tensor.sizes(), (at::IntArrayRef{2, 3, 1, 1}));
    EXPECT_EQ(parameters[3].name, "pointwise_conv.bias");
    for (const auto& p : parameters) {
        EXPECT_LE(p.tensor.abs().max().item<double>(), 0.1) << p.name;
        EXPECT_EQ(p.tensor.eq(0).all().item<bool>(), p.tensor.dim() == 1) << p.name;
    }
}

TEST(DepthPointwise, TheLayerDecidesOnTheBiasUnlessTold) {
    RecurrenceSite bare = kSite;
    bare.bias = 0;
    EXPECT_EQ(made({}, bare)->parameters().size(), 2u);
    EXPECT_EQ(made({{"bias", true}}, bare)->parameters().size(), 4u);
    EXPECT_EQ(made({{"bias", false}})->parameters().size(), 2u);
    EXPECT_TRUE(made({}, bare)->forward(at::zeros({1, 3, 5, 6})).eq(0).all().item<bool>());
}

TEST(DepthPointwise, SaysItsFormula) { EXPECT_EQ(made()->equation(), "conv1x1(depthwise3x3(h))"); }

}  // namespace

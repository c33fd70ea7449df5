#include <dv/testing/load.hpp>
#include <dv/torch/recurrence.hpp>

#include <ATen/ops/ones.h>

#include <gtest/gtest.h>

namespace {

using dv::RecurrenceSite;
using dv::testing::Config;

constexpr RecurrenceSite kSite{
    .source_channels = 4, .target_channels = 4, .height = 2, .width = 3, .max_weight_init = 0.5};

std::shared_ptr<dv::Recurrence> self(const Config& config = {}, const RecurrenceSite& site = kSite) {
    auto recurrence = dv::testing::Plugin(DV_PLUGIN_UNDER_TEST).make<dv::Recurrence>("self", config);
    recurrence->build(site);
    return recurrence;
}

at::Tensor named(const dv::Recurrence& recurrence, const std::string& name) {
    for (const dv::NamedTensor& t : recurrence.parameters()) {
        if (t.name == name) return t.tensor;
    }
    return {};
}

TEST(Self, ScalesEachUnitAndAddsTheBias) {
    const auto recurrence = self();
    named(*recurrence, "weight").data().fill_(3.0);
    named(*recurrence, "bias").data().fill_(0.25);
    const at::Tensor rate = at::ones({2, 4, 2, 3}).mul(2);
    EXPECT_TRUE(recurrence->forward(rate).eq(6.25).all().item<bool>());
    EXPECT_EQ(named(*recurrence, "weight").sizes(), at::IntArrayRef{1});
    EXPECT_EQ(named(*recurrence, "bias").sizes(), at::IntArrayRef{1});
}

TEST(Self, StartsSmallWithoutBias) {
    const auto recurrence = self();
    EXPECT_LE(named(*recurrence, "weight").abs().max().item<double>(), 0.5);
    EXPECT_NE(named(*recurrence, "weight").item<double>(), 0.0);
    EXPECT_EQ(named(*recurrence, "bias").item<double>(), 0.0);
}

// In DynVision a bias that starts at 0 is never added and so never trained.
TEST(Self, ABiasOfZeroIsTrained) {
    const auto recurrence = self();
    recurrence->forward(at::ones({1, 4, 2, 3})).sum().backward();
    EXPECT_EQ(named(*recurrence, "bias").grad().item<double>(), 24.0);
}

TEST(Self, AFixedWeightIsABuffer) {
    const auto recurrence = self({{"fixed_self_weight", 1.0}, {"bias", false}});
    const auto parameters = recurrence->parameters();
    ASSERT_EQ(parameters.size(), 1u);
    EXPECT_EQ(parameters[0].name, "weight");
    EXPECT_FALSE(parameters[0].trainable);
    EXPECT_FALSE(parameters[0].tensor.requires_grad());
    const at::Tensor rate = at::ones({1, 4, 2, 3}).mul(7);
    EXPECT_TRUE(recurrence->forward(rate).equal(rate));
}

TEST(Self, MayWeighEachChannel) {
    const auto recurrence = self({{"per_channel", true}, {"bias", false}});
    const at::Tensor w = named(*recurrence, "weight");
    ASSERT_EQ(w.sizes(), at::IntArrayRef{4});
    const at::Tensor drive = recurrence->forward(at::ones({1, 4, 2, 3}));
    for (std::int64_t c = 0; c < 4; ++c) EXPECT_EQ(drive[0][c][1][2].item<float>(), w[c].item<float>());
}

TEST(Self, TheLayerDecidesOnTheBiasUnlessTold) {
    RecurrenceSite bare = kSite;
    bare.bias = 0;
    EXPECT_EQ(self({}, bare)->parameters().size(), 1u);
    EXPECT_EQ(self({{"bias", true}}, bare)->parameters().size(), 2u);
}

TEST(Self, RefusesATargetWithOtherChannels) {
    RecurrenceSite input = kSite;
    input.target_channels = 3;
    try {
        self({}, input);
        FAIL() << "a target with 3 channels was accepted for 4";
    } catch (const dv::ComponentError& error) {
        EXPECT_NE(error.text.find("4"), std::string::npos) << error.text;
        EXPECT_NE(error.text.find("3"), std::string::npos) << error.text;
        EXPECT_EQ(error.hook, "build");
    }
}

}  // namespace

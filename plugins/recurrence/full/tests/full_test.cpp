#include <dv/testing/load.hpp>
#include <dv/testing/torch.hpp>
#include <dv/torch/recurrence.hpp>

#include <ATen/ops/zeros.h>

#include <gtest/gtest.h>

namespace {

using dv::RecurrenceSite;
using dv::testing::Config;

constexpr RecurrenceSite kSite{
    .source_channels = 3, .target_channels = 2, .kernel = 5, .height = 4, .width = 6, .max_weight_init = 0.1};

std::shared_ptr<dv::Recurrence> full(const Config& config = {}, const RecurrenceSite& site = kSite) {
    auto recurrence = dv::testing::Plugin(DV_PLUGIN_UNDER_TEST).make<dv::Recurrence>("full", config);
    recurrence->build(site);
    return recurrence;
}

// A single active unit spreads the flipped kernel around it.
TEST(Full, DrivesAllChannelsWithinTheKernel) {
    const auto recurrence = full({{"kernel", 3}, {"bias", false}});
    const at::Tensor w = recurrence->parameters().at(0).tensor;
    at::Tensor rate = at::zeros({1, 3, 4, 6});
    rate[0][2][1][3] = 1.0;
    const at::Tensor drive = recurrence->forward(rate);
    for (std::int64_t dy = -1; dy <= 1; ++dy) {
        for (std::int64_t dx = -1; dx <= 1; ++dx) {
            EXPECT_FLOAT_EQ(drive[0][1][1 + dy][3 + dx].item<float>(), w[1][2][1 - dy][1 - dx].item<float>())
                << dy << " " << dx;
        }
    }
    EXPECT_EQ(drive.count_nonzero().item<std::int64_t>(), 2 * 9);
}

TEST(Full, TakesTheLayersKernelAndNames) {
    const auto parameters = full()->parameters();
    ASSERT_EQ(parameters.size(), 2u);
    EXPECT_EQ(parameters[0].name, "conv.weight");
    EXPECT_EQ(parameters[0].tensor.sizes(), (at::IntArrayRef{2, 3, 5, 5}));
    EXPECT_LE(parameters[0].tensor.abs().max().item<double>(), 0.1);
    EXPECT_EQ(parameters[1].name, "conv.bias");
    EXPECT_TRUE(parameters[1].tensor.eq(0).all().item<bool>());
}

TEST(Full, TheLayerDecidesOnTheBiasUnlessTold) {
    RecurrenceSite bare = kSite;
    bare.bias = 0;
    EXPECT_EQ(full({}, bare)->parameters().size(), 1u);
    EXPECT_EQ(full({{"bias", true}}, bare)->parameters().size(), 2u);
    EXPECT_EQ(full({{"bias", false}})->parameters().size(), 1u);
}

at::Tensor named(const dv::Recurrence& recurrence, const std::string& name) {
    for (const dv::NamedTensor& t : recurrence.parameters()) {
        if (t.name == name) return t.tensor;
    }
    return {};
}

const std::string kLength = "conv.parametrizations.weight.original0";
const std::string kDirection = "conv.parametrizations.weight.original1";

TEST(Full, WeightNormStartsAsThePlainWeights) {
    const auto recurrence = full({{"parametrization", "weight_norm"}, {"kernel", 3}});
    const auto parameters = recurrence->parameters();
    ASSERT_EQ(parameters.size(), 3u);
    const at::Tensor length = named(*recurrence, kLength), direction = named(*recurrence, kDirection);
    EXPECT_EQ(length.sizes(), (at::IntArrayRef{2, 1, 1, 1}));
    EXPECT_EQ(direction.sizes(), (at::IntArrayRef{2, 3, 3, 3}));
    EXPECT_TRUE(length.requires_grad());
    const at::Tensor weight = recurrence->linear()->weight;
    EXPECT_LT(dv::testing::max_difference(weight, direction), 1e-7);
}

// W = g v / |v|: twice the length doubles the drive, twice the direction leaves it.
TEST(Full, WeightNormSeparatesLengthAndDirection) {
    const auto recurrence = full({{"parametrization", "weight_norm"}, {"bias", false}});
    const at::Tensor rate = dv::testing::uniform(1, {1, 3, 4, 6});
    const at::Tensor before = recurrence->forward(rate).detach();
    named(*recurrence, kDirection).data().mul_(2);
    EXPECT_LT(dv::testing::max_difference(recurrence->forward(rate).detach(), before), 1e-6);
    named(*recurrence, kLength).data().mul_(2);
    EXPECT_LT(dv::testing::max_difference(recurrence->forward(rate).detach(), before.mul(2)), 1e-6);
}

TEST(Full, SaysItsFormula) { EXPECT_EQ(full()->equation(), "conv5x5(h)"); }

}  // namespace

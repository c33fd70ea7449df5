#include <dv/testing/load.hpp>
#include <dv/testing/torch.hpp>

#include <topographic_plane.hpp>

#include <ATen/ops/conv2d.h>

#include <gtest/gtest.h>

namespace {

using dv::RecurrenceSite;
using dv::testing::Config;

constexpr RecurrenceSite kSite{
    .source_channels = 5, .target_channels = 5, .kernel = 5, .height = 3, .width = 4, .max_weight_init = 0.01};

std::shared_ptr<dv::Recurrence> made(const Config& config = {}, const RecurrenceSite& site = kSite) {
    auto recurrence = dv::testing::Plugin(DV_PLUGIN_UNDER_TEST).make<dv::Recurrence>("localdepthwise", config);
    recurrence->build(site);
    return recurrence;
}

at::Tensor named(const dv::Recurrence& recurrence, const std::string& name) {
    for (const dv::NamedTensor& t : recurrence.parameters()) {
        if (t.name == name) return t.tensor;
    }
    return {};
}

TEST(LocalDepthwise, FiltersWhatThePlaneGives) {
    const auto recurrence = made();
    const topographic::PlaneConvolution plane("test", kSite, 3);
    const at::Tensor rate = dv::testing::uniform(1, {2, 5, 3, 4});
    const at::Tensor near =
        plane(rate, named(*recurrence, "local_conv.conv.weight"), named(*recurrence, "local_conv.conv.bias"));
    const at::Tensor expected = at::conv2d(near, named(*recurrence, "patchy_conv.weight"),
                                           named(*recurrence, "patchy_conv.bias"), 1, /*padding=*/2, 1, /*groups=*/5);
    EXPECT_LT(dv::testing::max_difference(recurrence->forward(rate), expected), 1e-7);
}

// Only the depthwise weights are drawn within max_weight_init.
TEST(LocalDepthwise, HasTheReferencesNamesAndStart) {
    const auto parameters = made()->parameters();
    ASSERT_EQ(parameters.size(), 4u);
    const auto largest = [&](std::size_t i) { return parameters[i].tensor.abs().max().item<double>(); };
    EXPECT_EQ(parameters[0].name, "local_conv.conv.weight");
    EXPECT_EQ(parameters[0].tensor.sizes(), (at::IntArrayRef{1, 1, 3, 3}));
    EXPECT_LE(largest(0), 1.0 / 3.0);
    EXPECT_GT(largest(0), 0.05);
    EXPECT_EQ(parameters[1].name, "local_conv.conv.bias");
    EXPECT_LE(largest(1), 1.0 / 3.0);
    EXPECT_EQ(parameters[2].name, "patchy_conv.weight");
    EXPECT_EQ(parameters[2].tensor.sizes(), (at::IntArrayRef{5, 1, 5, 5}));
    EXPECT_LE(largest(2), 0.01);
    EXPECT_EQ(parameters[3].name, "patchy_conv.bias");
    EXPECT_LE(largest(3), 1.0 / 5.0);
    EXPECT_GT(largest(3), 0.01);
}

TEST(LocalDepthwise, BothKernelsMayBeGiven) {
    const auto recurrence = made({{"kernel", 3}, {"local_kernel", 7}, {"bias", false}});
    EXPECT_EQ(recurrence->parameters().size(), 2u);
    EXPECT_EQ(named(*recurrence, "local_conv.conv.weight").size(2), 7);
    EXPECT_EQ(named(*recurrence, "patchy_conv.weight").size(2), 3);
    EXPECT_EQ(recurrence->equation(), "depthwise3x3(plane conv7x7(h))");
}

TEST(LocalDepthwise, SaysByNameWhereItDoesNotFit) {
    RecurrenceSite input = kSite;
    input.target = dv::RecurrenceTarget::input;
    try {
        made({}, input);
        FAIL() << "a target before the convolutions was accepted";
    } catch (const dv::ComponentError& error) {
        EXPECT_NE(error.text.find("localdepthwise"), std::string::npos) << error.text;
        EXPECT_NE(error.text.find("\"input\""), std::string::npos) << error.text;
    }
}

}  // namespace

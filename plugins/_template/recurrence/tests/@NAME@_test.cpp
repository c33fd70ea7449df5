#include <dv/testing/torch.hpp>
#include <dv/torch/recurrence.hpp>

#include <gtest/gtest.h>

using dv::testing::Plugin;
using dv::testing::uniform;

namespace {

dv::RecurrenceSite site(std::int64_t source, std::int64_t target) {
    return {.source_channels = source, .target_channels = target, .kernel = 3, .height = 4, .width = 5, .bias = 0};
}

TEST(@CLASS_NAME@, ScalesActivityByItsGain) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto recurrence = plugin.make<dv::Recurrence>("@ID@", {{"gain", -0.5}});
    recurrence->build(site(3, 3));
    const at::Tensor rate = uniform(1, {2, 3, 4, 5});
    EXPECT_LT(dv::testing::max_difference(recurrence->forward(rate), rate.mul(-0.5)), 1e-6);
}

TEST(@CLASS_NAME@, LearnsOneGainPerChannel) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto recurrence = plugin.make<dv::Recurrence>("@ID@");
    recurrence->build(site(3, 3));
    const auto parameters = recurrence->parameters();
    ASSERT_EQ(parameters.size(), 1u);
    EXPECT_EQ(parameters[0].name, "gain");
    EXPECT_EQ(parameters[0].tensor.numel(), 3);
    EXPECT_TRUE(parameters[0].trainable);
}

TEST(@CLASS_NAME@, RefusesAnotherNumberOfChannels) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto recurrence = plugin.make<dv::Recurrence>("@ID@");
    try {
        recurrence->build(site(3, 6));
        FAIL() << "was built";
    } catch (const dv::ComponentError& error) {
        EXPECT_NE(error.text.find("channels out (6)"), std::string::npos) << error.text;
    }
}

}  // namespace

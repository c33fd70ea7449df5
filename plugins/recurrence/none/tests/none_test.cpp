#include <dv/testing/load.hpp>
#include <dv/torch/recurrence.hpp>

#include <ATen/ops/ones.h>

#include <gtest/gtest.h>

namespace {

std::shared_ptr<dv::Recurrence> none() {
    return dv::testing::Plugin(DV_PLUGIN_UNDER_TEST).make<dv::Recurrence>("none");
}

TEST(None, SaysThatItContributesNothing) { EXPECT_FALSE(none()->contributes()); }

TEST(None, HasNoParametersAndNoDrive) {
    const auto recurrence = none();
    recurrence->build({.source_channels = 4, .target_channels = 2});
    EXPECT_TRUE(recurrence->parameters().empty());
    const at::Tensor drive = recurrence->forward(at::ones({3, 4, 5, 6}, at::kDouble));
    EXPECT_EQ(drive.sizes(), (at::IntArrayRef{3, 2, 5, 6}));
    EXPECT_EQ(drive.scalar_type(), at::kDouble);
    EXPECT_TRUE(drive.eq(0).all().item<bool>());
}

}  // namespace

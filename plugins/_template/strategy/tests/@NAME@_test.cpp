#include <dv/testing/torch.hpp>
#include <dv/torch/strategy.hpp>

#include <gtest/gtest.h>

using dv::testing::Plugin;
using dv::testing::tensor;

namespace {

std::shared_ptr<dv::Strategy> connected(Plugin& plugin) {
    auto strategy = plugin.make<dv::Strategy>("@ID@");
    strategy->connect(c10::Device(c10::kCPU));
    return strategy;
}

TEST(@CLASS_NAME@, IsAloneOnItsDevice) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto strategy = connected(plugin);
    EXPECT_EQ(strategy->rank().world_size, 1);
    EXPECT_TRUE(strategy->device().is_cpu());
}

TEST(@CLASS_NAME@, AddsToTheGradientsThatAreThere) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto strategy = connected(plugin);
    at::Tensor weight = tensor({1, 2}, {2});
    weight.requires_grad_();
    strategy->backward(weight.sum(), dv::GradientSync::later);
    strategy->backward(weight.sum(), dv::GradientSync::now);
    EXPECT_EQ(dv::testing::max_difference(weight.grad(), tensor({2, 2}, {2})), 0.0);
}

}  // namespace

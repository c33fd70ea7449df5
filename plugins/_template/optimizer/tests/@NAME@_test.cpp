#include <dv/testing/torch.hpp>
#include <dv/torch/optimizer.hpp>

#include <gtest/gtest.h>

using dv::testing::max_difference;
using dv::testing::Plugin;
using dv::testing::tensor;

namespace {

at::Tensor weight() {
    at::Tensor w = tensor({1, 2}, {2});
    w.requires_grad_();
    return w;
}

TEST(@CLASS_NAME@, StepsDownTheGradientAndFurtherTheSecondTime) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto optimizer = plugin.make<dv::Optimizer>("@ID@", {{"lr", 0.1}, {"momentum", 0.5}});
    const at::Tensor w = weight();
    const std::vector<dv::NamedTensor> parameters{{"w", w, true}};
    optimizer->build(parameters);
    w.sum().backward();  // a gradient of 1
    optimizer->step();
    EXPECT_LT(max_difference(w.detach(), tensor({0.9, 1.9}, {2})), 1e-6);
    optimizer->step();  // v = 0.5 * 1 + 1
    EXPECT_LT(max_difference(w.detach(), tensor({0.75, 1.75}, {2})), 1e-6);
    optimizer->set_momentum(0, 0.0);
    optimizer->step();  // v = 1
    EXPECT_LT(max_difference(w.detach(), tensor({0.65, 1.65}, {2})), 1e-6);
}

TEST(@CLASS_NAME@, ListsItsVelocityUnderPyTorchsName) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto optimizer = plugin.make<dv::Optimizer>("@ID@");
    const at::Tensor w = weight();
    const std::vector<dv::NamedTensor> parameters{{"w", w, true}};
    optimizer->build(parameters);
    w.mul(3.0).sum().backward();
    optimizer->step();
    const auto state = optimizer->state();
    ASSERT_EQ(state.size(), 1u);
    EXPECT_EQ(state[0].parameter, 0);
    EXPECT_EQ(state[0].key, "momentum_buffer");
    EXPECT_EQ(max_difference(state[0].tensor, tensor({3, 3}, {2})), 0.0);
}

}  // namespace

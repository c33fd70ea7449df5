#include <dv/testing/torch.hpp>
#include <dv/torch/recurrence.hpp>
#include <dv/torch/solver.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

using dv::testing::max_difference;
using dv::testing::tensor;
using dv::testing::uniform;

namespace {

TEST(TestTensors, AreTheSameForTheSameKey) {
    EXPECT_EQ(max_difference(uniform(3, {4, 5}), uniform(3, {4, 5})), 0.0);
    EXPECT_GT(max_difference(uniform(3, {4, 5}), uniform(4, {4, 5})), 0.1);
    const at::Tensor values = uniform(3, {1000}, 2.0, 3.0);
    EXPECT_GE(values.min().item<double>(), 2.0);
    EXPECT_LE(values.max().item<double>(), 3.0);
    EXPECT_NEAR(values.mean().item<double>(), 2.5, 0.05);
    const at::Tensor classes = dv::testing::integers(3, {1000}, 1, 4);
    EXPECT_EQ(classes.min().item<std::int64_t>(), 1);
    EXPECT_EQ(classes.max().item<std::int64_t>(), 3);
}

TEST(MaxDifference, IsInfiniteForWhatCannotBeCompared) {
    constexpr double kInfinite = std::numeric_limits<double>::infinity();
    EXPECT_EQ(max_difference(tensor({1, 2}, {2}), tensor({1, 4}, {2})), 2.0);
    EXPECT_EQ(max_difference(tensor({1, 2}, {2}), tensor({1, 2}, {1, 2})), kInfinite);
    EXPECT_EQ(max_difference(tensor({1}, {1}), tensor({1}, {1}, at::kDouble)), kInfinite);
    EXPECT_EQ(max_difference(tensor({NAN}, {1}), tensor({1}, {1})), kInfinite);
    EXPECT_EQ(max_difference(tensor({NAN}, {1}), tensor({NAN}, {1})), 0.0);
    EXPECT_EQ(max_difference({}, tensor({1}, {1})), kInfinite);
    EXPECT_EQ(max_difference({}, {}), 0.0);
}

TEST(GradientAgreement, TellsARightGradientFromAWrongOne) {
    at::Tensor x = uniform(5, {6}, 0.5, 1.0, at::kDouble);
    x.requires_grad_();
    const at::Tensor before = x.detach().clone();
    EXPECT_LT(dv::testing::gradient_agreement([&] { return x.pow(3.0); }, x).worst, 1e-6);
    const auto wrong = dv::testing::gradient_agreement([&] { return x.mul(x.detach()); }, x);
    EXPECT_NEAR(wrong.worst, 0.5, 1e-6);
    EXPECT_NE(wrong.where.find("autograd"), std::string::npos);
    EXPECT_TRUE(dv::testing::same_bits(x, before));
    EXPECT_FALSE(x.grad().defined());
}

TEST(GradientAgreement, SeesAGradientThatIsMissing) {
    at::Tensor x = uniform(5, {6}, 0.5, 1.0, at::kDouble);
    x.requires_grad_();
    at::Tensor y = uniform(6, {6}, 0.5, 1.0, at::kDouble);
    y.requires_grad_();
    EXPECT_GT(dv::testing::gradient_agreement([&] { return y.mul(x.detach()); }, x).worst, 0.5);
}

TEST(ReferenceLoss, IsTheLogOfTheNumberOfClassesForEqualOutputs) {
    const at::Tensor outputs = tensor({0, 0, 0, 0, 5, 5, 5, 5}, {1, 2, 4}, at::kDouble);
    const dv::testing::ReferenceLoss loss;
    EXPECT_NEAR(loss.value(outputs, dv::testing::labels({1, -1}, {1, 2})).item<double>(), std::log(4.0), 1e-12);
    EXPECT_EQ(loss.value(outputs, dv::testing::labels({-1, -1}, {1, 2})).item<double>(), 0.0);
}

TEST(Plugin, MakesTorchKindsBehindTheirInterface) {
    dv::testing::Plugin plugin(DV_WRONG_DYNAMICS);
    const auto solver = plugin.make<dv::Solver>("test.solver.euler");
    const at::Tensor next =
        solver->step(tensor({1, 2}, {2}), tensor({3, 3}, {2}), {.dt = 1.0, .tau = 4.0, .tau_tensor = {}});
    EXPECT_EQ(max_difference(next, tensor({1.5, 2.25}, {2})), 0.0);
    EXPECT_THROW(solver->step({}, {}, {.dt = 1.0, .tau = 4.0, .tau_tensor = {}}), dv::ComponentError);
}

TEST(Plugin, MakesNestedComponentsOutOfFurtherPlugins) {
    dv::testing::Plugin plugin(DV_NESTING);
    plugin.with(DV_WRONG_DYNAMICS);
    const auto by_default = plugin.make<dv::Solver>("test.solver.twice");
    const auto step = dv::TimeStep{.dt = 1.0, .tau = 2.0, .tau_tensor = {}};
    EXPECT_EQ(max_difference(by_default->step(tensor({0}, {1}), tensor({4}, {1}), step), tensor({3}, {1})), 0.0);
    const auto chosen =
        plugin.make<dv::Solver>("test.solver.twice", {{"inner", dv::testing::Config{{"type", "drifts"}}}});
    EXPECT_GT(max_difference(chosen->step(tensor({0}, {1}), tensor({4}, {1}), step), tensor({3}, {1})), 0.01);
    EXPECT_EQ(plugin.host().open_hooks(), 0u);
}

TEST(Plugin, ANestedComponentThatIsNowhereIsRefusedWithAHint) {
    dv::testing::Plugin plugin(DV_NESTING);
    try {
        plugin.make<dv::Solver>("test.solver.twice");
        FAIL() << "made without its nested component";
    } catch (const dv::ComponentError& error) {
        EXPECT_NE(error.text.find("no dv.solver 'euler'"), std::string::npos) << error.text;
        EXPECT_NE(error.text.find("Plugin::with()"), std::string::npos) << error.text;
    }
}

TEST(Plugin, ANestedComponentHasItsOwnPlace) {
    dv::testing::Plugin plugin(DV_NESTING);
    plugin.with(DV_WRONG_DYNAMICS);
    const auto pair = plugin.make<dv::Recurrence>("test.recurrence.pair", {}, "model.V1");
    pair->build({.source_channels = 2, .target_channels = 2, .kernel = 3, .height = 2, .width = 2});
    const auto tensors = pair->parameters();
    ASSERT_EQ(tensors.size(), 4u);
    EXPECT_EQ(tensors[0].name, "first.weight");
    EXPECT_EQ(tensors[2].name, "second.weight");
    EXPECT_GT(max_difference(tensors[0].tensor, tensors[2].tensor), 0.0);
}

}  // namespace

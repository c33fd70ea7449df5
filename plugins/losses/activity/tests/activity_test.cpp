#include <dv/testing/load.hpp>
#include <dv/torch/loss.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

namespace {

using dv::Activity;
using dv::testing::Config;
using dv::testing::list;

std::shared_ptr<dv::Loss> activity_loss(const Config& config = {}) {
    dv::testing::Plugin plugin(DV_PLUGIN_UNDER_TEST);
    return plugin.make<dv::Loss>("activity", config);
}

at::Tensor outputs(std::int64_t batch = 2) { return at::ones({batch, 3, 4}, at::kDouble); }
at::Tensor labels(std::int64_t batch = 2) { return at::zeros({batch, 3}, at::kLong); }

double value(const dv::Loss& loss, const std::vector<Activity>& activity, std::int64_t batch = 2) {
    return loss.value_with_activity(outputs(batch), labels(batch), activity).item<double>();
}

/// [batch, time, channel, y, x] of one number.
at::Tensor constant(double number, std::int64_t batch, std::int64_t time) {
    return at::full({batch, time, 3, 2, 2}, number, at::kDouble);
}

Config watching(const char* mode) {
    return {{"monitor", list(Config{{"at", "tstep"}, {"layers", "V*"}, {"mode", mode}})}};
}

TEST(ActivityLoss, WatchesAllResponsesUnlessToldOtherwise) {
    const auto monitors = activity_loss()->monitors();
    ASSERT_EQ(monitors.size(), 1u);
    EXPECT_EQ(monitors[0].layers, "*");
    EXPECT_EQ(monitors[0].operation, "record");
}

TEST(ActivityLoss, OfDynVisionWatchesNothingUnlessTold) {
    const Config compat{{"compat", "dynvision-0.1"}};
    const auto loss = activity_loss(compat);
    EXPECT_TRUE(loss->monitors().empty());
    EXPECT_EQ(value(*loss, {}), 0.0);
    Config told = watching("absolute");
    told.set("compat", "dynvision-0.1");
    EXPECT_EQ(activity_loss(told)->monitors().size(), 1u);
}

TEST(ActivityLoss, AsksForWhatTheMonitorListNames) {
    const auto monitors = activity_loss(watching("signed"))->monitors();
    ASSERT_EQ(monitors.size(), 1u);
    EXPECT_EQ(monitors[0].layers, "V*");
    EXPECT_EQ(monitors[0].operation, "tstep");
}

TEST(ActivityLoss, OfConstantActivityIsItsMagnitudeWhateverTheOrder) {
    for (const double order : {0.5, 1.0, 2.0, 3.0}) {
        EXPECT_NEAR(value(*activity_loss({{"ord", order}}), {{0, "V1", constant(-0.7, 2, 5)}}), 0.7, 1e-14) << order;
    }
}

// ‖(3, 4, 0, 0)‖₂ / √4
TEST(ActivityLoss, OrderTwoIsTheRootMeanSquare) {
    const at::Tensor units = at::tensor({3.0, 4.0, 0.0, 0.0}, at::kDouble).view({1, 1, 4, 1, 1});
    EXPECT_NEAR(value(*activity_loss({{"ord", 2.0}}), {{0, "V1", units}}, 1), 2.5, 1e-15);
}

TEST(ActivityLoss, SignedModeTakesTheMagnitudeOfTheMean) {
    const at::Tensor units = at::tensor({3.0, -4.0, 0.0, -1.0}, at::kDouble).view({1, 1, 4, 1, 1});
    EXPECT_NEAR(value(*activity_loss(watching("signed")), {{0, "V1", units}}, 1), 0.5, 1e-15);
    EXPECT_NEAR(value(*activity_loss(watching("absolute")), {{0, "V1", units}}, 1), 2.0, 1e-15);
}

// An output that arrived at 2 of 4 steps adds 2 of 4 steps: (4 · 1 + 2 · 3) / (2 · 4).
TEST(ActivityLoss, DividesByOutputsAndByTheMostSteps) {
    EXPECT_NEAR(value(*activity_loss(), {{0, "V1", constant(1.0, 2, 4)}, {0, "V2", constant(3.0, 2, 2)}}), 1.25, 1e-15);
}

TEST(ActivityLoss, ActivityThatIsTheSameForAllSamplesCountsForEach) {
    const auto sum = activity_loss({{"reduction", "sum"}});
    EXPECT_NEAR(value(*sum, {{0, "V1", constant(1.0, 1, 4)}}), value(*sum, {{0, "V1", constant(1.0, 2, 4)}}), 1e-15);
}

TEST(ActivityLoss, ReductionsAgree) {
    at::Tensor units = constant(1.0, 2, 4);
    units[1].fill_(3.0);
    EXPECT_NEAR(value(*activity_loss(), {{0, "V1", units}}), 2.0, 1e-15);
    EXPECT_NEAR(value(*activity_loss({{"reduction", "sum"}}), {{0, "V1", units}}), 4.0, 1e-15);
    const at::Tensor each =
        activity_loss({{"reduction", "none"}})->value_with_activity(outputs(), labels(), {{0, "V1", units}});
    EXPECT_TRUE(each.equal(at::tensor({1.0, 3.0}, at::kDouble)));
}

// d/dx of Σ|x| / (n_units · steps · batch) is sign(x) over that number.
TEST(ActivityLoss, GradientIsTheSignSharedAmongAllUnits) {
    const at::Tensor units = constant(-2.0, 2, 4).set_requires_grad(true);
    activity_loss()->value_with_activity(outputs(), labels(), {{0, "V1", units}}).backward();
    EXPECT_TRUE(units.grad().allclose(at::full_like(units, -1.0 / (12 * 4 * 2)), 1e-14, 0));
}

TEST(ActivityLoss, SilentUnitsGetNoGradient) {
    const at::Tensor units = constant(0.0, 2, 4).set_requires_grad(true);
    activity_loss({{"ord", 2.0}})->value_with_activity(outputs(), labels(), {{0, "V1", units}}).backward();
    EXPECT_EQ(units.grad().abs().max().item<double>(), 0.0);
}

TEST(ActivityLoss, IsAZeroThatKeepsTheGraphWhenNothingArrived) {
    const at::Tensor logits = outputs().set_requires_grad(true);
    const at::Tensor loss = activity_loss()->value_with_activity(logits, labels(), {});
    EXPECT_EQ(loss.item<double>(), 0.0);
    loss.backward();
    EXPECT_EQ(logits.grad().abs().max().item<double>(), 0.0);
}

TEST(ActivityLoss, HasTheTypeOfTheOutputs) {
    const auto loss = activity_loss();
    EXPECT_EQ(
        loss->value_with_activity(outputs().to(at::kFloat), labels(), {{0, "V1", constant(1.0, 2, 4)}}).scalar_type(),
        at::kFloat);
}

TEST(ActivityLoss, RefusesAnEmptyNameOfAnOperation) {
    try {
        activity_loss({{"monitor", list(Config{{"at", ""}})}});
        FAIL() << "no error";
    } catch (const dv::ComponentError& error) {
        EXPECT_NE(std::string(error.what()).find("monitor.0.at"), std::string::npos) << error.what();
    }
}

}  // namespace

#include <dv/testing/load.hpp>
#include <dv/torch/metric.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace {

using dv::testing::Config;

std::shared_ptr<dv::Metric> accuracy(const Config& config = {}) {
    dv::testing::Plugin plugin(DV_PLUGIN_UNDER_TEST);
    return plugin.make<dv::Metric>("accuracy", config);
}

at::Tensor labels(std::vector<std::int64_t> values, std::int64_t n_timesteps) {
    return at::tensor(values, at::TensorOptions(at::kLong)).view({-1, n_timesteps});
}
double value(const dv::Metric& metric) { return metric.compute().at(0).tensor.item().toDouble(); }

/// Two samples of three steps; the guesses are 2 3 1 / 3 0 3.
at::Tensor sines() { return at::arange(24, at::TensorOptions(at::kDouble)).mul(0.9).sin().view({2, 3, 4}); }

TEST(Accuracy, IsOverScoredEntries) {
    const auto metric = accuracy();
    metric->update(sines(), labels({-1, 0, 1, 2, 2, -1}, 3));
    EXPECT_EQ(value(*metric), 0.25);
}

TEST(Accuracy, GathersOverBatchesOfAnySize) {
    const auto metric = accuracy();
    metric->update(sines(), labels({2, 3, 1, 3, 0, 3}, 3));                     // 6 of 6
    metric->update(sines().slice(0, 0, 1).slice(1, 0, 2), labels({0, -1}, 2));  // 0 of 1
    EXPECT_DOUBLE_EQ(value(*metric), 6.0 / 7.0);
}

TEST(Accuracy, ResetForgets) {
    const auto metric = accuracy();
    metric->update(sines(), labels({0, 0, 0, 0, 1, 0}, 3));
    metric->reset();
    EXPECT_EQ(value(*metric), 0.0);
    metric->update(sines(), labels({2, 3, 1, 3, 0, 3}, 3));
    EXPECT_EQ(value(*metric), 1.0);
}

TEST(Accuracy, WithoutScoredEntriesIsZero) {
    const auto metric = accuracy();
    EXPECT_EQ(value(*metric), 0.0);
    metric->update(sines(), at::full({2, 3}, -1, at::kLong));
    EXPECT_EQ(value(*metric), 0.0);
}

TEST(Accuracy, OfTheLastStepLooksAtEachSamplesLastScoredStep) {
    const auto metric = accuracy({{"steps", "last"}});
    metric->update(sines(), labels({0, 0, 1, 0, 0, -1}, 3));  // last scored: step 2 (right), step 1 (right)
    EXPECT_EQ(value(*metric), 1.0);
    metric->update(sines(), labels({-1, -1, -1, 3, -1, 0}, 3));  // none, step 2 (wrong)
    EXPECT_DOUBLE_EQ(value(*metric), 2.0 / 3.0);
}

TEST(Accuracy, IsANumberInDoubleUnderItsName) {
    const auto metric = accuracy();
    metric->update(sines().to(at::kFloat), labels({2, 3, 1, 3, 0, 3}, 3));
    const std::vector<dv::NamedTensor> values = metric->compute();
    ASSERT_EQ(values.size(), 1u);
    EXPECT_EQ(values[0].name, "accuracy");
    EXPECT_EQ(values[0].tensor.scalar_type(), at::kDouble);
    EXPECT_EQ(values[0].tensor.dim(), 0);
}

TEST(Accuracy, ComputingInBetweenDoesNotDisturb) {
    const auto metric = accuracy();
    metric->update(sines(), labels({2, 3, 1, 3, 0, 3}, 3));
    const at::Tensor early = metric->compute()[0].tensor;
    metric->update(sines(), labels({0, 0, 0, 0, 1, 0}, 3));
    EXPECT_EQ(early.item().toDouble(), 1.0);
    EXPECT_EQ(value(*metric), 0.5);
}

TEST(Accuracy, StateCopiedIntoAFreshOneGivesTheSame) {
    const auto first = accuracy(), second = accuracy();
    first->update(sines(), labels({2, 3, 1, 0, 1, 0}, 3));
    const auto from = first->state(), to = second->state();
    ASSERT_EQ(to.size(), 2u);
    for (std::size_t i = 0; i < to.size(); ++i) {
        EXPECT_EQ(to[i].name, from[i].name);
        to[i].tensor.copy_(from[i].tensor);
    }
    EXPECT_EQ(value(*second), 0.5);
    second->reset();
    EXPECT_EQ(value(*second), 0.0);
    EXPECT_EQ(value(*first), 0.5);
}

TEST(Accuracy, RefusesShapesThatDoNotFit) {
    try {
        accuracy()->update(sines(), labels({0, 1}, 1));
        FAIL() << "was not refused";
    } catch (const dv::Error& error) {
        EXPECT_NE(std::string(error.what()).find("outputs [2, 3, 4] and labels [2, 1]"), std::string::npos)
            << error.what();
    }
}

}  // namespace

#include "compose/weighted_loss.hpp"

#include <dv/error.hpp>

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dvhost::testing {
namespace {

using compose::WeightedLoss;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const dv_host kHost{};

/// The mean of the outputs, as one number or one per entry.
struct Mean final : dv::Loss {
    bool reduces = true;
    mutable int n_calls = 0;
    at::Tensor value(const at::Tensor& outputs, const at::Tensor&) const override {
        ++n_calls;
        return reduces ? outputs.mean() : outputs.mean(2);
    }
};

/// The sum over its monitors of (number of the monitor + 1) · activity.
struct Watcher final : dv::Loss {
    std::vector<dv::Monitor> wanted;
    at::Tensor value(const at::Tensor& outputs, const at::Tensor&) const override { return outputs.sum().mul(0); }
    std::vector<dv::Monitor> monitors() const override { return wanted; }
    at::Tensor value_with_activity(const at::Tensor& outputs, const at::Tensor&,
                                   const std::vector<dv::Activity>& activity) const override {
        at::Tensor sum = outputs.sum().mul(0);
        for (const dv::Activity& a : activity) sum = sum.add(a.values.sum().mul(static_cast<double>(a.monitor + 1)));
        return sum;
    }
};

std::shared_ptr<Watcher> watcher(std::vector<dv::Monitor> wanted) {
    auto out = std::make_shared<Watcher>();
    out->wanted = std::move(wanted);
    return out;
}

const at::Tensor kOutputs = at::full({2, 3, 4}, 2.0, at::kDouble);
const at::Tensor kLabels = at::zeros({2, 3}, at::kLong);

double value_of(const WeightedLoss& loss, const std::vector<dv::Activity>& activity = {}) {
    return loss.value_with_activity(kOutputs, kLabels, activity).item<double>();
}

TEST(WeightedLoss, IsTheWeightedSum) {
    const WeightedLoss loss({{std::make_shared<Mean>(), 1.0, "a"}, {std::make_shared<Mean>(), 0.25, "b"}}, kHost);
    EXPECT_EQ(value_of(loss), 2.5);
}

TEST(WeightedLoss, SkipsTermsOfWeightZeroAndBelow) {
    const auto skipped = std::make_shared<Mean>();
    const WeightedLoss loss({{std::make_shared<Mean>(), 1.0, "a"}, {skipped, 0.0, "b"}, {skipped, -1.0, "c"}}, kHost);
    EXPECT_EQ(value_of(loss), 2.0);
    EXPECT_EQ(skipped->n_calls, 0);
    EXPECT_THROW(WeightedLoss({{skipped, 0.0, "b"}}, kHost), dv::Error);
}

TEST(WeightedLoss, TakesTheMeanOfATermThatDoesNotReduce) {
    const auto each = std::make_shared<Mean>();
    each->reduces = false;
    EXPECT_EQ(value_of(WeightedLoss({{each, 0.5, "a"}}, kHost)), 1.0);
}

TEST(WeightedLoss, TellsWhatEachTermGave) {
    const WeightedLoss loss({{std::make_shared<Mean>(), 1.0, "a"},
                             {std::make_shared<Mean>(), 0.25, "b"},
                             {std::make_shared<Mean>(), 3.0, "b"}},
                            kHost);
    EXPECT_TRUE(loss.last_terms().empty());
    value_of(loss);
    const auto terms = loss.last_terms();
    ASSERT_EQ(terms.size(), 3u);
    EXPECT_EQ(terms[0].name, "loss/a");
    EXPECT_EQ(terms[1].name, "loss/b");
    EXPECT_EQ(terms[2].name, "loss/b_2");
    EXPECT_EQ(terms[1].tensor.item<double>(), 0.5);
    EXPECT_FALSE(terms[0].tensor.requires_grad());
}

TEST(WeightedLoss, GivesEachTermItsOwnActivity) {
    const WeightedLoss loss({{watcher({{"V1", "record"}, {"V2", "record"}}), 1.0, "a"},
                             {std::make_shared<Mean>(), 1.0, "m"},
                             {watcher({{"V1", "tstep"}}), 10.0, "b"}},
                            kHost);
    std::vector<std::string> operations;
    for (const dv::Monitor& m : loss.monitors()) operations.push_back(m.layers + "." + m.operation);
    EXPECT_THAT(operations, ElementsAre("V1.record", "V2.record", "V1.tstep"));
    const at::Tensor one = at::full({1, 1, 1, 1, 1}, 1.0, at::kDouble);
    // a: 1 · 1 + 2 · 1; m: 2; b: its only monitor is its first, 10 · 1 · 1
    EXPECT_EQ(value_of(loss, {{0, "V1", one}, {1, "V2", one}, {2, "V1", one}}), 3.0 + 2.0 + 10.0);
}

TEST(WeightedLoss, AModelThatShowsNoActivityIsRefused) {
    const WeightedLoss loss({{watcher({{"V1", "record"}}), 1.0, "a"}}, kHost);
    try {
        loss.value(kOutputs, kLabels);
        FAIL() << "no error";
    } catch (const dv::Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("'record' of layers 'V1'"));
    }
}

}  // namespace
}  // namespace dvhost::testing

#include <dv/testing/load.hpp>
#include <dv/torch/metric.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

using dv::testing::Config;
using dv::testing::list;

std::shared_ptr<dv::Metric> top_k(const Config& config = {}) {
    dv::testing::Plugin plugin(DV_PLUGIN_UNDER_TEST);
    return plugin.make<dv::Metric>("top_k", config);
}

at::Tensor labels(std::vector<std::int64_t> values, std::int64_t n_timesteps) {
    return at::tensor(values, at::TensorOptions(at::kLong)).view({-1, n_timesteps});
}
std::map<std::string, double> values(const dv::Metric& metric) {
    std::map<std::string, double> out;
    for (const dv::NamedTensor& v : metric.compute()) out[v.name] = v.tensor.item().toDouble();
    return out;
}
using Values = std::map<std::string, double>;

/// Two samples of three steps, four classes.
at::Tensor sines() { return at::arange(24, at::TensorOptions(at::kDouble)).mul(0.9).sin().view({2, 3, 4}); }

// Of these labels only the fifth is not among the two largest outputs.
TEST(TopK, CountsLabelsAmongTheLargestOutputs) {
    const auto metric = top_k({{"k", list(2)}});
    metric->update(sines(), labels({1, 0, 1, 2, 2, 3}, 3));
    EXPECT_EQ(values(*metric), (Values{{"top_2", 5.0 / 6.0}}));
}

TEST(TopK, IsLooserForLargerK) {
    const auto metric = top_k({{"k", list(4, 1, 3, 2)}});
    const at::Tensor descending = at::tensor({9.0, 7.0, 5.0, 3.0}, at::kDouble).expand({1, 4, 4});
    metric->update(descending, labels({0, 1, 2, 3}, 4));
    EXPECT_EQ(values(*metric), (Values{{"top_1", 0.25}, {"top_2", 0.5}, {"top_3", 0.75}, {"top_4", 1.0}}));
}

TEST(TopK, LogsThreeAndFiveByDefaultAndStopsAtTheNumberOfClasses) {
    const auto metric = top_k();
    metric->update(sines(), labels({0, 1, 2, 3, 0, 1}, 3));
    EXPECT_EQ(metric->compute()[0].name, "top_3");
    EXPECT_EQ(metric->compute()[1].name, "top_5");
    EXPECT_EQ(values(*metric)["top_5"], 1.0);
}

TEST(TopK, GathersScoredEntriesOverBatches) {
    const auto metric = top_k({{"k", list(2)}});
    metric->update(sines(), labels({1, 0, 1, 2, 2, 3}, 3));       // 5 of 6
    metric->update(sines(), labels({-1, -1, -1, -1, 2, -1}, 3));  // 0 of 1
    EXPECT_DOUBLE_EQ(values(*metric)["top_2"], 5.0 / 7.0);
    metric->reset();
    EXPECT_EQ(values(*metric)["top_2"], 0.0);
}

TEST(TopK, OfTheLastStepLooksAtEachSamplesLastScoredStep) {
    const auto metric = top_k({{"k", list(2)}, {"steps", "last"}});
    metric->update(sines(), labels({-1, -1, 1, -1, 2, -1}, 3));  // right, wrong
    EXPECT_EQ(values(*metric)["top_2"], 0.5);
}

TEST(TopK, WithoutScoredEntriesIsZero) {
    const auto metric = top_k();
    metric->update(sines(), at::full({2, 3}, -1, at::kLong));
    EXPECT_EQ(values(*metric), (Values{{"top_3", 0.0}, {"top_5", 0.0}}));
}

TEST(TopK, IsANumberInDouble) {
    const auto metric = top_k();
    metric->update(sines().to(at::kFloat), labels({0, 1, 2, 3, 0, 1}, 3));
    EXPECT_EQ(metric->compute()[0].tensor.scalar_type(), at::kDouble);
    EXPECT_EQ(metric->compute()[0].tensor.dim(), 0);
}

template <class Action>
std::string refusal(const Action& action) {
    try {
        action();
    } catch (const dv::Error& error) {
        return error.what();
    }
    return "";
}

TEST(TopK, RefusesListsThatMakeNoSense) {
    EXPECT_NE(refusal([] { top_k({{"k", list()}}); }).find("'k' is empty"), std::string::npos);
    EXPECT_NE(refusal([] { top_k({{"k", list(5, 3, 5)}}); }).find("'k' holds 5 twice"), std::string::npos);
}

// A k above the number of classes counts as that number, in each batch anew.
TEST(TopK, BearsAnotherNumberOfClasses) {
    const auto metric = top_k({{"k", list(3)}});
    metric->update(sines().slice(2, 0, 2), labels({0, 1, 0, 1, 0, 1}, 3));
    metric->update(sines(), labels({-1, -1, -1, -1, -1, -1}, 3));
    EXPECT_EQ(values(*metric)["top_3"], 1.0);
}

TEST(TopK, StateCopiedIntoAFreshOneGivesTheSame) {
    const auto first = top_k(), second = top_k();
    first->update(sines(), labels({1, 0, 1, 2, 2, 3}, 3));
    const auto from = first->state(), to = second->state();
    ASSERT_EQ(to.size(), 2u);
    for (std::size_t i = 0; i < to.size(); ++i) {
        EXPECT_EQ(to[i].name, from[i].name);
        to[i].tensor.copy_(from[i].tensor);
    }
    for (const auto& metric : {first, second}) metric->update(sines(), labels({0, 0, 1, 3, 2, 1}, 3));
    EXPECT_EQ(values(*second), values(*first));
    EXPECT_GT(values(*second)["top_3"], 0.0);
}

}  // namespace

#include <dv/testing/load.hpp>
#include <dv/testing/torch.hpp>
#include <dv/testing/torch/callback.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace {

using dv::testing::AnswerLog;
using dv::testing::Config;
using dv::testing::list;
using dv::testing::Plugin;
using dv::testing::RunBuilder;
using dv::testing::tensor;
using dv::testing::TorchCallbackHandle;

class WeightDistributionTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};
    std::vector<dv::NamedTensor> weights{{"a.weight", tensor({0, 1, 2, 5}, {2, 2}), true},
                                         {"a.bias", tensor({3}, {1}), true},
                                         {"a.mean", tensor({9}, {1}), false}};

    AnswerLog at_end_of(int epoch, const Config& config, dv_phase phase = DV_TRAIN_EPOCH_END) {
        TorchCallbackHandle callback(plugin.make<dv::TorchCallback>("weight_distribution", config));
        callback.training().weights = weights;
        return callback.phase(phase, RunBuilder().stage(DV_STAGE_TRAIN).epoch(epoch));
    }
};

TEST_F(WeightDistributionTest, NumbersOfEachParameter) {
    const AnswerLog answer = at_end_of(0, {{"histograms", false}});
    EXPECT_EQ(answer.value("weights/a.weight/mean"), 2.0);
    EXPECT_NEAR(*answer.value("weights/a.weight/std"), std::sqrt((4 + 1 + 0 + 9) / 4.0), 1e-12);
    EXPECT_EQ(answer.value("weights/a.weight/min"), 0.0);
    EXPECT_EQ(answer.value("weights/a.weight/max"), 5.0);
    EXPECT_NEAR(*answer.value("weights/a.weight/norm"), std::sqrt(30.0), 1e-12);
    EXPECT_EQ(answer.logged.size(), 10u);  // two parameters, no buffer
    EXPECT_TRUE(answer.histograms.empty());
    EXPECT_TRUE(answer.misplaced.empty());
}

TEST_F(WeightDistributionTest, AHistogramHoldsEveryValueOnce) {
    const AnswerLog answer = at_end_of(0, {{"n_buckets", 5}, {"patterns", list("*.weight")}});
    ASSERT_EQ(answer.histograms.size(), 1u);
    const auto& h = answer.histograms.front();
    EXPECT_EQ(h.name, "weights/a.weight");
    EXPECT_EQ(h.limits, (std::vector<double>{1, 2, 3, 4, 5}));
    EXPECT_EQ(std::accumulate(h.counts.begin(), h.counts.end(), 0.0), 4.0);
    EXPECT_EQ(h.counts.back(), 1.0);
    EXPECT_EQ(std::vector<double>({h.min, h.max, h.sum, h.sum_squares, h.count}),
              (std::vector<double>{0, 5, 8, 30, 4}));
}

TEST_F(WeightDistributionTest, ValuesThatAreAllAlikeHaveOneToo) {
    const AnswerLog answer = at_end_of(0, {{"n_buckets", 4}, {"patterns", list("a.bias")}});
    ASSERT_EQ(answer.histograms.size(), 1u);
    EXPECT_EQ(std::accumulate(answer.histograms[0].counts.begin(), answer.histograms[0].counts.end(), 0.0), 1.0);
    EXPECT_EQ(answer.histograms[0].limits.back(), 3.5);
}

TEST_F(WeightDistributionTest, ValuesThatAreNoNumbersHaveNone) {
    weights[0].tensor.fill_(std::nan(""));
    const AnswerLog answer = at_end_of(0, {{"patterns", list("a.weight")}});
    EXPECT_TRUE(answer.histograms.empty());
    EXPECT_TRUE(std::isnan(*answer.value("weights/a.weight/mean")));
}

TEST_F(WeightDistributionTest, EpochsCanBeLeftOut) {
    const Config config{{"every_n_epochs", 3}};
    EXPECT_TRUE(at_end_of(0, config).logged.empty());
    EXPECT_TRUE(at_end_of(1, config).histograms.empty());
    EXPECT_EQ(at_end_of(2, config).histograms.size(), 2u);
}

TEST_F(WeightDistributionTest, TheBeginningIsShown) {
    EXPECT_EQ(at_end_of(0, {}, DV_TRAIN_START).histograms.size(), 2u);
    EXPECT_TRUE(at_end_of(0, {{"at_start", false}}, DV_TRAIN_START).histograms.empty());
}

}  // namespace

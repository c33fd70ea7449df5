#include <dv/testing/load.hpp>
#include <dv/testing/torch.hpp>
#include <dv/testing/torch/callback.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace {

using dv::testing::Config;
using dv::testing::Plugin;
using dv::testing::RunBuilder;
using dv::testing::TorchCallbackHandle;

/// A fit whose weight at the end of epoch n is n + 1, and an optimizer whose rate is the schedule's times the factor.
class SwaTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};
    const at::Tensor w = dv::testing::tensor({0.0}, {1});
    std::function<double(int epoch)> scheduled = [](int) { return 1.0; };
    std::vector<double> rates;  // in each epoch
    /// When the run view shows a new factor: at once, or with the next epoch.
    enum class Shown { at_once, next_epoch } shown = Shown::at_once;

    TorchCallbackHandle make(Config config) {
        if (!config.get("swa_lrs")) config.set("swa_lrs", 0.1);
        TorchCallbackHandle swa(plugin.make<dv::TorchCallback>("swa", config));
        swa.training().weights = {{"w", w, true}};
        return swa;
    }
    double rate(TorchCallbackHandle& swa, int epoch) {
        return scheduled(epoch) * (swa.training().scaled.empty() ? 1.0 : swa.training().scaled.back().second);
    }
    void epochs(TorchCallbackHandle& swa, int first, int last, int max_epochs) {
        RunBuilder run;
        run.max_epochs(max_epochs).stage(DV_STAGE_TRAIN);
        swa.phase(DV_TRAIN_START, run);
        for (int epoch = first; epoch < last; ++epoch) {
            swa.phase(DV_TRAIN_EPOCH_START, run.epoch(epoch).learning_rate("regular", rate(swa, epoch)));
            for (int batch = 0; batch < 2; ++batch) {
                if (shown == Shown::at_once) run.learning_rate("regular", rate(swa, epoch));
                swa.phase(DV_TRAIN_BATCH_START, run);
            }
            rates.push_back(rate(swa, epoch));
            w.fill_(epoch + 1.0);
            swa.phase(DV_TRAIN_EPOCH_END, run);
        }
        if (last == max_epochs) swa.phase(DV_TRAIN_END, run);
    }
    double trained(const Config& config, int max_epochs) {
        rates.clear();
        TorchCallbackHandle swa = make(config);
        epochs(swa, 0, max_epochs, max_epochs);
        return w.item<double>();
    }
};

TEST_F(SwaTest, TheModelIsTheMeanOfTheEndsOfTheLastEpochs) {
    EXPECT_NEAR(trained({{"swa_epoch_start", 3.0}}, 5), (3 + 4 + 5) / 3.0, 1e-6);  // from epoch 2, counted from 0
    EXPECT_NEAR(trained({{"swa_epoch_start", 0.8}}, 5), (4 + 5) / 2.0, 1e-6);
    EXPECT_NEAR(trained({{"swa_epoch_start", 0.1}}, 5), 3.0, 1e-6);
    EXPECT_NEAR(trained({{"swa_epoch_start", 9.0}}, 5), 5.0, 1e-6);  // never begins
}

TEST_F(SwaTest, TheRateGoesToThatOfThePhase) {
    trained({{"swa_epoch_start", 2.0}, {"annealing_epochs", 2}, {"annealing_strategy", "linear"}}, 5);
    const std::vector<double> linear{1.0, 1.0, 0.55, 0.1, 0.1};
    ASSERT_EQ(rates.size(), linear.size());
    for (std::size_t i = 0; i < linear.size(); ++i) EXPECT_NEAR(rates[i], linear[i], 1e-12) << i;
    trained({{"swa_epoch_start", 1.0}, {"annealing_epochs", 4}}, 5);
    for (std::size_t i = 0; i < 5; ++i)
        EXPECT_NEAR(rates[i], 1.0 - 0.9 * (1 - std::cos(M_PI * static_cast<double>(i) / 4)) / 2, 1e-12);
}

TEST_F(SwaTest, WhateverTheRunViewShowsInBetween) {
    shown = Shown::next_epoch;
    trained({{"swa_epoch_start", 2.0}, {"annealing_epochs", 2}, {"annealing_strategy", "linear"}}, 5);
    const std::vector<double> linear{1.0, 1.0, 0.55, 0.1, 0.1};
    for (std::size_t i = 0; i < linear.size(); ++i) EXPECT_NEAR(rates[i], linear[i], 1e-12) << i;
}

TEST_F(SwaTest, WhateverTheScheduleDoes) {
    scheduled = [](int epoch) { return 1.0 / (epoch + 1); };
    trained({{"swa_epoch_start", 2.0}, {"annealing_epochs", 1}}, 4);
    EXPECT_NEAR(rates[1], 0.5, 1e-12);
    EXPECT_NEAR(rates[2], 0.1, 1e-12);
    EXPECT_NEAR(rates[3], 0.1, 1e-12);
    scheduled = [](int epoch) { return epoch < 2 ? 1.0 : 0.0; };
    EXPECT_THROW(trained({{"swa_epoch_start", 2.0}, {"annealing_epochs", 1}}, 4), dv::ComponentError);
}

TEST_F(SwaTest, ARunThatGoesOnEndsAsOneThatWasNotInterrupted) {
    const Config config{{"swa_epoch_start", 2.0}, {"annealing_epochs", 3}};
    const double whole = trained(config, 6);
    const std::vector<double> expected = rates;
    rates.clear();
    TorchCallbackHandle first = make(config), second = make(config);
    epochs(first, 0, 4, 6);
    second.load_state(first.save_state());
    second.load_tensors(first.save_tensors());
    epochs(second, 4, 6, 6);
    EXPECT_NEAR(w.item<double>(), whole, 1e-6);
    ASSERT_EQ(rates.size(), expected.size());
    for (std::size_t i = 0; i < rates.size(); ++i) EXPECT_NEAR(rates[i], expected[i], 1e-12) << i;
}

TEST_F(SwaTest, WhatMakesNoSenseIsRefused) {
    EXPECT_THROW(make({{"swa_epoch_start", 1.5}}), dv::ComponentError);
    EXPECT_THROW(make({{"swa_lrs", 0.0}}), std::invalid_argument);
    TorchCallbackHandle swa = make({});
    try {
        swa.phase(DV_TRAIN_START, RunBuilder());
        FAIL() << "a share of an endless run was taken";
    } catch (const dv::ComponentError& error) {
        EXPECT_NE(error.text.find("share of max_epochs"), std::string::npos) << error.text;
    }
}

}  // namespace

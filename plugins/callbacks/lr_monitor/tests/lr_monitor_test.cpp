#include <dv/testing/load.hpp>

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace {

using dv::testing::AnswerLog;
using dv::testing::CallbackHandle;
using dv::testing::Config;
using dv::testing::Metrics;
using dv::testing::Plugin;
using dv::testing::RunBuilder;

using Calls = std::vector<std::pair<std::string, int>>;  // what was logged, and at which step

/// Two epochs of four batches; the rate halves after each epoch or after each step.
class LearningRateMonitorTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};

    enum class Halves { never, each_epoch, each_step };

    Calls train(const Config& config, Halves halves, int log_every = 1) {
        auto monitor = plugin.make<dv::Callback>("lr_monitor", config);
        Calls calls;
        const auto note = [&](const AnswerLog& answer, int step) {
            for (const auto& [name, value] : answer.logged) calls.emplace_back(name + ":" + short_text(value), step);
        };
        RunBuilder run;
        double rate = 1.0;
        monitor.phase(DV_FIT_START, run);
        for (int epoch = 0, step = 0; epoch < 2; ++epoch) {
            note(monitor.phase(DV_TRAIN_EPOCH_START, run.epoch(epoch).learning_rate("regular", rate).log_due(false)),
                 step);
            for (int batch = 0; batch < 4; ++batch, ++step) {
                run.step(step).learning_rate("regular", rate).log_due((step + 1) % log_every == 0);
                note(monitor.phase(DV_TRAIN_BATCH_START, run), step);
                if (halves == Halves::each_step) rate /= 2;
            }
            if (halves == Halves::each_epoch) rate /= 2;
        }
        return calls;
    }

    static std::string short_text(double value) {
        std::string text = std::to_string(value);
        text.erase(text.find_last_not_of('0') + 1);
        return text.ends_with('.') ? text.substr(0, text.size() - 1) : text;
    }
};

// Lightning 2.6, StepLR per epoch, no interval given: lr 1 with step 0, lr 0.5 with step 4.
TEST_F(LearningRateMonitorTest, AScheduleByEpochGivesOneValueAnEpoch) {
    EXPECT_EQ(train({}, Halves::each_epoch), (Calls{{"lr:1", 0}, {"lr:0.5", 4}}));
}

// Lightning 2.6, "step" with a log every 2 steps: steps 1, 3, 5, 7.
TEST_F(LearningRateMonitorTest, StepLogsWithEveryLoggedStep) {
    EXPECT_EQ(train({{"logging_interval", "step"}}, Halves::each_epoch, 2),
              (Calls{{"lr:1", 1}, {"lr:1", 3}, {"lr:0.5", 5}, {"lr:0.5", 7}}));
}

TEST_F(LearningRateMonitorTest, EpochLogsAtEveryEpochsStart) {
    EXPECT_EQ(train({{"logging_interval", "epoch"}}, Halves::never), (Calls{{"lr:1", 0}, {"lr:1", 4}}));
}

TEST_F(LearningRateMonitorTest, WithoutAnIntervalAScheduleByStepIsSeenAtEveryLoggedStep) {
    EXPECT_EQ(train({}, Halves::each_step, 4),
              (Calls{{"lr:1", 0}, {"lr:0.125", 3}, {"lr:0.0625", 4}, {"lr:0.007812", 7}}));
}

TEST_F(LearningRateMonitorTest, WithoutAScheduleOneValueSaysItAll) {
    EXPECT_EQ(train({}, Halves::never), (Calls{{"lr:1", 0}}));
}

TEST_F(LearningRateMonitorTest, EveryFitBeginsAnew) {
    auto monitor = plugin.make<dv::Callback>("lr_monitor");
    const RunBuilder run = RunBuilder().learning_rate("regular", 0.5);
    for (int fit = 0; fit < 2; ++fit) {
        monitor.phase(DV_FIT_START, run);
        EXPECT_EQ(monitor.phase(DV_TRAIN_EPOCH_START, run).value("lr"), 0.5);
        EXPECT_TRUE(monitor.phase(DV_TRAIN_EPOCH_START, run).logged.empty());
    }
}

TEST_F(LearningRateMonitorTest, SeveralGroupsAreToldApartByName) {
    auto monitor = plugin.make<dv::Callback>("lr_monitor", {{"log_key_prefix", "optimizer/"}});
    const AnswerLog answer = monitor.phase(
        DV_TRAIN_EPOCH_START, RunBuilder().learning_rate("regular", 0.1).learning_rate("recurrence", 0.02));
    EXPECT_EQ(answer.logged, (Metrics{{"optimizer/lr/regular", 0.1}, {"optimizer/lr/recurrence", 0.02}}));
}

TEST_F(LearningRateMonitorTest, AsksForNothingItDoesNotNeed) {
    auto monitor = plugin.make<dv::Callback>("lr_monitor");
    EXPECT_FALSE(monitor.wants(DV_TRAIN_BATCH_END));
    EXPECT_FALSE(monitor.monitors());
}

TEST_F(LearningRateMonitorTest, LogsMomentumAndWeightDecayWhereThereAreAny) {
    auto monitor = plugin.make<dv::Callback>("lr_monitor", {{"log_momentum", true}, {"log_weight_decay", true}});
    RunBuilder run;
    run.learning_rate("body", 0.5, 0.9, 0.01).learning_rate("head", 0.25);
    const AnswerLog answer = monitor.phase(DV_TRAIN_EPOCH_START, run);
    EXPECT_EQ(answer.logged, (Metrics{{"lr/body", 0.5}, {"lr/body-momentum", 0.9}, {"lr/body-weight_decay", 0.01}, {"lr/head", 0.25}}));
}

}  // namespace

/// The order of things in a fit, and what it computes.

#include "boring.hpp"
#include "loops/interrupt.hpp"
#include "loops/trainer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace dvhost::testing {
namespace {

using loops::StageKind;
using loops::Trainer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const char* name_of(std::uint32_t phase) {
    static constexpr const char* names[DV_N_PHASES] = {
        "setup", "fit_start", "sanity_start", "sanity_end", "train_start", "train_epoch_start", "train_batch_start",
        "before_zero_grad", "before_backward", "after_backward", "before_optimizer_step", "train_batch_end", "train_epoch_end",
        "validation_start", "validation_epoch_start", "validation_batch_start", "validation_batch_end", "validation_epoch_end",
        "validation_end", "test_start", "test_epoch_start", "test_batch_start", "test_batch_end", "test_epoch_end", "test_end",
        "predict_start", "predict_epoch_start", "predict_batch_start", "predict_batch_end", "predict_epoch_end", "predict_end",
        "train_end", "fit_end", "exception", "teardown", "save_checkpoint", "checkpoint_taken", "load_checkpoint", "optimizer_step_done"};
    return names[phase];
}

class Fit : public ::testing::Test {
protected:
    CollectingSink sink;
    loops::Experiment e = boring_experiment(sink);
    BoringModel& model = static_cast<BoringModel&>(*e.model);
    BoringData& data = static_cast<BoringData&>(*e.data);

    FunctionCallback& add(FunctionCallback::Function f) {
        auto callback = std::make_shared<FunctionCallback>(std::move(f));
        e.callbacks.push_back(callback);
        return *callback;
    }
    loops::RunSummary fit() {
        Trainer trainer(e);
        trainer.run({StageKind::fit});
        return trainer.summary();
    }
};

// Lightning 2.6's order of callback hooks for 1 epoch, 2 training and 2 validation batches, 1 sanity step.
TEST_F(Fit, CallsHooksInLightningsOrder) {
    std::vector<std::string> calls;
    add([&](std::uint32_t phase, const dv_run&, const dv_answer&) { calls.emplace_back(name_of(phase)); });
    e.trainer.num_sanity_val_steps = 1;
    fit();
    std::vector<std::string> expected{"setup", "fit_start", "sanity_start", "validation_start", "validation_epoch_start",
                                      "validation_batch_start", "validation_batch_end", "validation_epoch_end",
                                      "validation_end", "sanity_end", "train_start", "train_epoch_start"};
    for (int batch = 0; batch < 2; ++batch) {
        for (const char* call : {"train_batch_start", "before_zero_grad", "before_backward", "after_backward",
                                 "before_optimizer_step", "optimizer_step_done", "train_batch_end"}) {
            expected.emplace_back(call);
        }
    }
    expected.insert(expected.end(), {"validation_start", "validation_epoch_start"});
    for (int batch = 0; batch < 2; ++batch) {
        expected.insert(expected.end(), {"validation_batch_start", "validation_batch_end"});
    }
    expected.insert(expected.end(), {"validation_epoch_end", "validation_end", "train_epoch_end", "train_end", "fit_end", "teardown"});
    EXPECT_EQ(calls, expected);
}

TEST_F(Fit, MovesWeightsByTheGradient) {
    e.loader.shuffle = false;
    fit();
    // Loss = mean over batch and class of w·x, so dL/dw = mean(x)/2 in each row. Batches hold samples 0-3 and 4-7 of x_i = s + i.
    const double mean_of_first_column = (1.5 + 5.5) / 2.0;
    EXPECT_NEAR(model.weight[0][0].item<double>(), -0.1 * 2 * mean_of_first_column / 2.0, 1e-6);
    EXPECT_NEAR(model.weight[1][3].item<double>(), -0.1 * (1.5 + 3 + 5.5 + 3) / 2.0, 1e-6);
}

TEST_F(Fit, LogsRowsAtLightningsSteps) {
    const auto summary = fit();
    ASSERT_THAT(sink.rows, SizeIs(4));  // two steps, validation, epoch
    EXPECT_EQ(sink.rows[0].step, 0);
    EXPECT_EQ(sink.rows[1].step, 1);
    EXPECT_EQ(sink.rows[2].step, 1);
    EXPECT_EQ(sink.rows[2].at("val/count"), 8.0);
    EXPECT_EQ(sink.rows[3].step, 1);
    EXPECT_EQ(sink.rows[3].at("train/count"), 8.0);
    EXPECT_NEAR(sink.rows[3].at("train/loss_epoch"), (sink.rows[0].at("train/loss") + sink.rows[1].at("train/loss")) / 2.0, 1e-6);
    EXPECT_EQ(summary.progress.global_step, 2);
    EXPECT_EQ(summary.progress.samples, 8);
}

TEST_F(Fit, LogsEveryNSteps) {
    data.n_train = 40;
    e.trainer.log_every_n_steps = 4;
    data.n_val = 0;
    fit();
    std::vector<std::int64_t> steps;
    for (const auto& row : sink.rows) {
        if (row.has("train/loss")) steps.push_back(row.step);
    }
    EXPECT_THAT(steps, ElementsAre(3, 7));
}

TEST_F(Fit, WeighsTheEpochLossBySamples) {
    data.n_train = 6;  // batches of 4 and 2
    data.n_val = 0;
    e.loader.shuffle = false;
    fit();
    const double expected = (4 * sink.rows[0].at("train/loss") + 2 * sink.rows[1].at("train/loss")) / 6.0;
    EXPECT_NEAR(sink.rows[2].at("train/loss_epoch"), expected, 1e-6);
}

TEST_F(Fit, AnAccumulationWindowMovesOnceByTheMeanGradient) {
    e.trainer.accumulate = {{0, 2}};
    e.loader.shuffle = false;
    const auto summary = fit();
    EXPECT_EQ(summary.progress.global_step, 1);
    EXPECT_NEAR(model.weight[0][0].item<double>(), -0.1 * ((1.5 + 5.5) / 2.0) / 2.0, 1e-6);
}

TEST_F(Fit, AValidationInTheMiddleDoesNotDisturbTrainingMetrics) {
    e.trainer.val_check_batches = 1;
    fit();
    EXPECT_EQ(sink.rows.back().at("train/count"), 8.0);
}

TEST_F(Fit, ValidationRunsInEvaluationModeAndTrainingGoesOnInTrainingMode) {
    std::vector<bool> in_training;
    add([&](std::uint32_t phase, const dv_run&, const dv_answer&) {
        if (phase == DV_VALIDATION_BATCH_START || phase == DV_TRAIN_BATCH_START) in_training.push_back(model.training);
    });
    e.trainer.val_check_batches = 1;
    data.n_val = 4;
    fit();
    EXPECT_THAT(in_training, ElementsAre(true, false, true, false));
}

TEST_F(Fit, AStopRequestEndsTheEpochButHonoursTheMinimum) {
    data.n_train = 40;
    add([&](std::uint32_t phase, const dv_run&, const dv_answer& answer) {
        if (phase == DV_TRAIN_BATCH_END) answer.stop(answer.self, {"enough", 6});
    });
    e.trainer.stop.min_steps = 5;
    const auto summary = fit();
    EXPECT_EQ(summary.progress.global_step, 5);
    EXPECT_EQ(summary.stop_reason, "enough");
    EXPECT_EQ(summary.progress.epoch, 1);  // an epoch cut short counts
}

TEST_F(Fit, MonitoringCallbacksSeeTheEpochsValues) {
    double seen = -1;
    auto& watcher = add([&](std::uint32_t phase, const dv_run& run, const dv_answer&) {
        if (phase != DV_TRAIN_EPOCH_END) return;
        for (std::uint32_t i = 0; i < run.n_metrics; ++i) {
            if (std::string(run.metrics[i].name.p, run.metrics[i].name.n) == "train/loss_epoch") seen = run.metrics[i].value;
        }
    });
    watcher.watches = true;
    fit();
    EXPECT_EQ(seen, sink.rows.back().at("train/loss_epoch"));
}

TEST_F(Fit, WhatACallbackLogsGoesOut) {
    add([&](std::uint32_t phase, const dv_run& run, const dv_answer& answer) {
        if (phase == DV_TRAIN_BATCH_START && run.log_due) answer.log(answer.self, {"lr", 2}, 0.5);
    });
    fit();
    EXPECT_EQ(sink.rows[0].at("lr"), 0.5);
}

TEST_F(Fit, AnErrorIsToldToCallbacksAndThrownOn) {
    model.before_training_step = [] { throw dv::Error("no such luck"); };
    std::vector<std::string> calls;
    add([&](std::uint32_t phase, const dv_run& run, const dv_answer&) {
        if (phase == DV_EXCEPTION || phase == DV_TEARDOWN || phase == DV_TRAIN_END) {
            calls.push_back(name_of(phase) + std::string(": ") + std::string(run.message.p, run.message.n));
        }
    });
    EXPECT_THROW(fit(), dv::Error);
    EXPECT_THAT(calls, ElementsAre("exception: no such luck", "teardown: failed"));
}

TEST_F(Fit, ASecondErrorOnTheWayOutDoesNotHideTheFirst) {
    model.before_training_step = [] { throw dv::Error("first"); };
    std::vector<std::string> warnings;
    e.warn = [&](const std::string& text) { warnings.push_back(text); };
    add([&](std::uint32_t phase, const dv_run&, const dv_answer&) {
        if (phase == DV_EXCEPTION) throw dv::Error("second");
    });
    try {
        fit();
        FAIL() << "no error";
    } catch (const dv::Error& error) {
        EXPECT_STREQ(error.what(), "first");
    }
    EXPECT_THAT(warnings, ElementsAre(HasSubstr("second")));
}

TEST_F(Fit, ALossThatIsNotFiniteEndsTheRun) {
    model.before_training_step = [&] { model.weight.data().fill_(std::numeric_limits<float>::quiet_NaN()); };
    try {
        fit();
        FAIL() << "no error";
    } catch (const dv::Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("optimizer.lr"));
    }
}

TEST_F(Fit, ASignalEndsItAfterTheStep) {
    data.n_train = 40;
    model.before_training_step = [] { raise(SIGINT); };
    std::string outcome;
    add([&](std::uint32_t phase, const dv_run& run, const dv_answer&) {
        if (phase == DV_TEARDOWN) outcome = std::string(run.message.p, run.message.n);
    });
    Trainer trainer(e);
    EXPECT_THROW(trainer.run({StageKind::fit}), loops::Interrupted);
    EXPECT_EQ(trainer.progress().global_step, 1);
    EXPECT_EQ(outcome, "interrupted");
}

TEST_F(Fit, ClipsTheJointNorm) {
    e.trainer.gradient_clip_val = 0.5;
    e.trainer.stop.max_steps = 1;
    fit();
    EXPECT_NEAR(model.weight.norm().item<double>(), 0.1 * 0.5, 1e-5);
}

TEST_F(Fit, SaysWhatIsMissing) {
    data.n_train = 0;
    EXPECT_THROW(fit(), dv::Error);
    data.n_train = 8;
    e.optimizers.clear();
    EXPECT_THROW(fit(), dv::Error);
}

TEST_F(Fit, TestNeedsATestSplit) {
    Trainer trainer(e);
    EXPECT_THROW(trainer.run({StageKind::test}), dv::Error);
    data.n_test = 8;
    Trainer another(e);
    another.run({StageKind::test});
    EXPECT_EQ(sink.rows.back().at("test/count"), 8.0);
    EXPECT_EQ(sink.rows.back().step, 0);
}

}  // namespace
}  // namespace dvhost::testing

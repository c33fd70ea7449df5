/// Acceptance cases of learning rates and of what is logged. Expected values were measured on Lightning 2.6.

#include "acceptance.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dvhost::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Rates : public Acceptance {
protected:
    std::vector<double> seen;
    Rates() {
        batches(4);
        data.n_val = 0;
        e.trainer.stop.max_epochs = 3;
        on([this](std::uint32_t phase, const dv_run& run, const dv_answer&) {
            if (phase == DV_TRAIN_BATCH_START) seen.push_back(run.learning_rates[0].value);
        });
    }
    void schedule(dv::Schedule::Interval interval, std::int64_t frequency) {
        e.schedules = {{std::make_shared<Halving>(), "", interval, frequency, "", true, 0}};
        seen.clear();
        fit();
    }
};

TEST_F(Rates, Case17FollowEpochsAndSteps) {
    using Interval = dv::Schedule::Interval;
    schedule(Interval::epoch, 1);
    EXPECT_THAT(seen, ElementsAre(1, 1, 1, 1, .5, .5, .5, .5, .25, .25, .25, .25));
    schedule(Interval::epoch, 2);
    EXPECT_THAT(seen, ElementsAre(1, 1, 1, 1, 1, 1, 1, 1, .5, .5, .5, .5));
    schedule(Interval::step, 2);
    EXPECT_THAT(seen, ElementsAre(1, 1, .5, .5, .25, .25, .125, .125, .0625, .0625, .03125, .03125));
    e.trainer.accumulate = {{0, 2}};
    schedule(Interval::step, 1);
    EXPECT_THAT(std::vector<double>(seen.begin(), seen.begin() + 6), ElementsAre(1, 1, .5, .5, .25, .25));
    e.trainer.accumulate = {};
    schedule(Interval::samples, 20);  // 4 samples a batch
    EXPECT_THAT(std::vector<double>(seen.begin(), seen.begin() + 6), ElementsAre(1, 1, 1, 1, 1, .5));
}

/// Keeps how many optimizer steps it was told there will be.
struct Planner final : dv::Schedule {
    mutable std::int64_t total = 0;
    double factor(const dv_schedule_point& at) const override {
        total = at.total_steps;
        return 1.0;
    }
};

TEST_F(Acceptance, Case41EstimatesTheStepsOfTheRun) {
    batches(10);
    on([](std::uint32_t phase, const dv_run&, const dv_answer& answer) {
        if (phase == DV_TRAIN_BATCH_END) dv::Answer(answer).stop("it is planned");
    });
    const auto planned = [&](std::int64_t max_epochs, std::int64_t max_steps, std::int64_t accumulate) {
        const auto planner = std::make_shared<Planner>();
        e.schedules = {{planner}};
        e.trainer.stop.max_epochs = max_epochs;
        e.trainer.stop.max_steps = max_steps;
        e.trainer.accumulate = {{0, accumulate}};
        fit();
        return planner->total;
    };
    EXPECT_EQ(planned(3, -1, 1), 30);
    EXPECT_EQ(planned(3, -1, 4), 9);
    EXPECT_EQ(planned(3, 7, 1), 7);
    EXPECT_EQ(planned(-1, -1, 1), -1);  // no limit
    EXPECT_EQ(planned(-1, 9, 1), 9);
}

TEST_F(Rates, SeveralMultiply) {
    const auto halving = std::make_shared<Halving>();
    e.schedules = {{halving, "", dv::Schedule::Interval::epoch, 1, "", true, 0}, {halving, "", dv::Schedule::Interval::epoch, 2, "", true, 0}};
    fit();
    EXPECT_EQ(seen.back(), 0.25 * 0.5);
}

TEST_F(Rates, Case18AMissingMonitorIsNamed) {
    struct Following final : dv::Schedule {
        double factor(const dv_schedule_point&) const override { return 1.0; }
    };
    e.schedules = {{std::make_shared<Following>(), "", dv::Schedule::Interval::epoch, 1, "val/nothing", true, 0}};
    EXPECT_THAT(refusal(), HasSubstr("'val/nothing'"));
    std::vector<std::string> warnings;
    e.warn = [&](const std::string& text) { warnings.push_back(text); };
    e.schedules.front().strict = false;
    EXPECT_EQ(refusal(), "");
    EXPECT_THAT(warnings, ElementsAre(HasSubstr("strict = false")));
}

TEST_F(Acceptance, Case33AccumulationLogsTheBatchThatStepped) {
    e.trainer.accumulate = {{0, 2}};
    data.n_val = 0;
    fit();
    std::vector<std::int64_t> steps;
    for (const auto& row : sink.rows) {
        if (row.has("train/loss")) steps.push_back(row.step);
    }
    EXPECT_THAT(steps, ElementsAre(0, 1, 2));
}

TEST_F(Acceptance, Case35ReducesOverTheEpochWithWeights) {
    data.n_train = 7;
    data.n_val = 0;
    e.loader.batch_size = 3;
    on([](std::uint32_t phase, const dv_run& run, const dv_answer& answer) {
        if (phase != DV_TRAIN_BATCH_END) return;
        const double size = run.batch_idx < 2 ? 3.0 : 1.0;
        for (const auto& [name, reduce] : std::vector<std::pair<std::string, std::uint32_t>>{{"mean", DV_REDUCE_MEAN}, {"sum", DV_REDUCE_SUM}, {"min", DV_REDUCE_MIN}, {"max", DV_REDUCE_MAX}}) {
            const dv_log_options options{sizeof(dv_log_options), 0, 1, 0, 1, reduce, -1};
            EXPECT_EQ(answer.log_with(answer.self, {name.data(), name.size()}, size, &options), DV_OK);
        }
    });
    fit();
    EXPECT_NEAR(sink.rows.back().at("mean"), 2.714286, 1e-6);
    EXPECT_EQ(sink.rows.back().at("sum"), 7.0);
    EXPECT_EQ(sink.rows.back().at("min"), 1.0);
    EXPECT_EQ(sink.rows.back().at("max"), 3.0);
}

TEST_F(Acceptance, Case34ForksNamesLoggedByStepAndByEpoch) {
    data.n_val = 0;
    on([](std::uint32_t phase, const dv_run&, const dv_answer& answer) {
        if (phase != DV_TRAIN_BATCH_END) return;
        const dv_log_options both{sizeof(dv_log_options), 1, 1, 0, 1, DV_REDUCE_MEAN, -1, 1, 0};
        answer.log_with(answer.self, {"a", 1}, 2.0, &both);
    });
    fit();
    EXPECT_TRUE(sink.rows.front().has("a_step"));
    EXPECT_FALSE(sink.rows.front().has("a"));
    EXPECT_EQ(sink.rows.back().at("a_epoch"), 2.0);
}

TEST_F(Acceptance, Case36RefusesToLogWhereThereIsNothingToLogFor) {
    std::vector<std::string> warnings;
    e.warn = [&](const std::string& text) { warnings.push_back(text); };
    std::vector<dv_status> answers;
    on([&](std::uint32_t phase, const dv_run&, const dv_answer& answer) {
        if (phase != DV_FIT_START && phase != DV_TRAIN_EPOCH_START) return;
        const dv_log_options by_step{sizeof(dv_log_options), 1, 0, 0, 1, DV_REDUCE_MEAN, -1, 1, 0};
        answers.push_back(answer.log_with(answer.self, {"x", 1}, 1.0, &by_step));
    });
    fit();
    EXPECT_THAT(answers, ElementsAre(DV_REFUSED, DV_REFUSED));
    EXPECT_THAT(warnings.front(), HasSubstr("on_fit_start"));
}

}  // namespace
}  // namespace dvhost::testing

/// Lightning's acceptance cases (docs/trainer.md): what the loops do at the edges of their flags. Expected values were measured on Lightning
/// 2.6 where a case says "Lightning", and follow from dvhost's own rule where it differs.

#include "acceptance.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dvhost::testing {
namespace {

using loops::StageKind;
using loops::Trainer;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Pair = std::pair<std::int64_t, std::int64_t>;

TEST_F(Acceptance, Case06CountsStepsOfAccumulation) {
    for (const auto& [k, steps] : std::vector<Pair>{{1, 5}, {2, 3}, {3, 2}, {5, 1}, {7, 1}}) {
        e.trainer.accumulate = {{0, k}};
        EXPECT_EQ(fit(), Pair(1, steps)) << k;
    }
}

TEST_F(Acceptance, Case07AShortLastWindowHasTheMeanOfItsOwnBatches) {
    for (const std::int64_t k : {2, 3, 4}) {
        e.trainer.accumulate = {{0, k}};
        optimizer->gradients.clear();
        fit();
        for (const double g : optimizer->gradients) EXPECT_NEAR(g, 1.0, 1e-6) << k;
    }
}

TEST_F(Acceptance, Case07InLightningsModeItIsTooSmall) {
    e.trainer.lightning = true;
    e.trainer.accumulate = {{0, 2}};
    fit();
    EXPECT_THAT(optimizer->gradients, ElementsAre(1.0, 1.0, 0.5));
    optimizer->gradients.clear();
    e.trainer.accumulate = {{0, 4}};
    fit();
    EXPECT_THAT(optimizer->gradients, ElementsAre(1.0, 0.25));
}

TEST_F(Acceptance, SumsAndWeighsWindowsWhenAsked) {
    e.trainer.accumulate = {{0, 2}};
    e.trainer.accumulate_reduction = loops::AccumulateReduction::sum;
    fit();
    EXPECT_THAT(optimizer->gradients, ElementsAre(2.0, 2.0, 1.0));
    optimizer->gradients.clear();
    e.trainer.accumulate_reduction = loops::AccumulateReduction::weighted;
    data.n_train = 18;  // the last batch has two samples
    fit();
    for (const double g : optimizer->gradients) EXPECT_NEAR(g, 1.0, 1e-6);
}

TEST_F(Acceptance, Case08ZeroesOncePerWindow) {
    batches(20);
    for (const std::int64_t k : {1, 3, 7, 20}) {
        e.trainer.accumulate = {{0, k}};
        optimizer->zeroed = 0;
        fit();
        EXPECT_EQ(optimizer->zeroed, (20 + k - 1) / k) << k;
    }
}

TEST_F(Acceptance, AccumulationMayChangeByEpoch) {
    e.trainer.accumulate = {{0, 1}, {1, 5}};
    e.trainer.stop.max_epochs = 3;
    EXPECT_EQ(fit(), Pair(3, 5 + 1 + 1));
}

TEST_F(Acceptance, Case09ValidatesByShare) {
    struct Row {
        std::int64_t n;
        double share;
        std::vector<std::int64_t> expected;
    };
    for (const Row& row : {Row{10, 0.25, {2, 4, 6, 8, 10}}, Row{12, 0.42, {5, 10, 12}}, Row{10, 0.5, {5, 10}}, Row{3, 0.1, {1, 2, 3}}}) {
        e.callbacks.clear();
        validations.clear();
        note_validations();
        batches(row.n);
        e.trainer.val_check_interval = row.share;
        fit();
        EXPECT_THAT(validated_after(), ElementsAreArray(row.expected)) << row.n << " " << row.share;
    }
}

TEST_F(Acceptance, Case09InLightningsModeTheTailHasNone) {
    note_validations();
    e.trainer.lightning = true;
    batches(12);
    e.trainer.val_check_interval = 0.42;
    fit();
    EXPECT_THAT(validated_after(), ElementsAre(5, 10));
}

TEST_F(Acceptance, ValidatesByBatches) {
    note_validations();
    batches(10);
    e.trainer.val_check_batches = 4;
    fit();
    EXPECT_THAT(validated_after(), ElementsAre(4, 8));
    validations.clear();
    e.trainer.check_val_every_n_epoch = 0;  // counts over epochs
    e.trainer.val_check_batches = 7;
    e.trainer.stop.max_epochs = 2;
    fit();
    EXPECT_THAT(validated_after(), ElementsAre(7, 14));
}

TEST_F(Acceptance, Case10RefusesIntervalsThatNeverFallDue) {
    batches(10);
    e.trainer.val_check_batches = 11;
    EXPECT_THAT(refusal(), HasSubstr("val_check_interval is 11"));
    e.trainer.val_check_batches.reset();
    e.trainer.val_check_interval = 0.5;
    e.trainer.check_val_every_n_epoch = 0;
    EXPECT_THAT(refusal(), HasSubstr("whole number of batches"));
    data.n_val = 0;  // nothing to validate: nothing to refuse
    EXPECT_EQ(refusal(), "");
}

TEST_F(Acceptance, Case11ValidatesEveryNthEpoch) {
    note_validations();
    batches(4);
    e.trainer.stop.max_epochs = 5;
    e.trainer.check_val_every_n_epoch = 2;
    fit();
    EXPECT_THAT(validations, ElementsAre(std::make_tuple(1, 8, 8), std::make_tuple(3, 16, 16)));
}

TEST_F(Acceptance, AValidationWaitsForItsWindow) {
    note_validations();
    batches(4);
    e.trainer.accumulate = {{0, 3}};
    e.trainer.val_check_batches = 2;
    fit();
    EXPECT_THAT(validations, ElementsAre(std::make_tuple(0, 3, 1), std::make_tuple(0, 4, 2)));
    validations.clear();
    e.trainer.lightning = true;
    fit();
    EXPECT_THAT(validations, ElementsAre(std::make_tuple(0, 2, 0), std::make_tuple(0, 4, 2)));
}

TEST_F(Acceptance, ATimeIntervalOfNothingValidatesAfterEachBatch) {
    note_validations();
    e.trainer.val_check_seconds = 0.0;
    fit();
    EXPECT_THAT(validated_after(), ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(Acceptance, Case12Limits) {
    using loops::BatchLimit;
    const auto of = [](BatchLimit limit) { return limit.of(10, "limit_train_batches"); };
    EXPECT_EQ(of({1.0, 1}), 1);
    EXPECT_EQ(of({1.0, {}}), 10);
    EXPECT_EQ(of({0.1, {}}), 1);
    EXPECT_EQ(of({0.15, {}}), 1);
    EXPECT_EQ(of({0.25, {}}), 2);
    EXPECT_EQ(of({0.99, {}}), 9);
    EXPECT_EQ(of({0.999, {}}), 9);
    EXPECT_EQ(of({1.0, 3}), 3);
    EXPECT_EQ(of({1.0, 20}), 10);
    EXPECT_THROW(of({0.05, {}}), dv::Error);
    EXPECT_EQ((BatchLimit{0.1, {}}.of(64, "x")), 6);
}

TEST_F(Acceptance, Case13StopsWhereLightningDoes) {
    struct Row {
        loops::StopLimits limits;
        Pair expected;
    };
    for (const Row& row : {Row{{.max_epochs = 2}, {2, 10}}, Row{{.max_epochs = -1, .max_steps = 7}, {2, 7}}, Row{{.max_epochs = 1, .max_steps = 7}, {1, 5}},
                           Row{{.max_epochs = 0}, {0, 0}}, Row{{.max_epochs = 4, .max_steps = 0}, {0, 0}}, Row{{.max_epochs = -1, .max_steps = 6}, {2, 6}},
                           Row{{.max_epochs = 4, .max_seconds = 0.0}, {0, 0}}}) {
        e.trainer.stop = row.limits;
        EXPECT_EQ(fit(), row.expected) << row.limits.max_epochs << " " << row.limits.max_steps;
    }
}

TEST_F(Acceptance, Case13ARequestWaitsForTheMinimum) {
    struct Row {
        std::int64_t min_epochs, min_steps;
        Pair expected;
        std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t>> validations;
    };
    // min_steps alone means min_epochs = 1 (compose/trainer_options).
    for (const Row& row : {Row{0, 0, {1, 3}, {{0, 3, 3}}}, Row{2, 0, {2, 10}, {{0, 5, 5}, {1, 10, 10}}}, Row{1, 8, {2, 8}, {{0, 5, 5}, {1, 8, 8}}},
                           Row{1, 3, {1, 5}, {{0, 5, 5}}}, Row{2, 3, {2, 10}, {{0, 5, 5}, {1, 10, 10}}}}) {
        e.callbacks.clear();
        validations.clear();
        on([](std::uint32_t phase, const dv_run& run, const dv_answer& answer) {
            if (phase == DV_TRAIN_BATCH_END && run.batches == 3) answer.stop(answer.self, {"enough", 6});
        });
        note_validations();
        e.trainer.stop = {.max_epochs = 4, .min_epochs = row.min_epochs, .min_steps = row.min_steps};
        EXPECT_EQ(fit(), row.expected) << row.min_epochs << " " << row.min_steps;
        EXPECT_THAT(validations, ElementsAreArray(row.validations)) << row.min_epochs << " " << row.min_steps;
    }
}

TEST_F(Acceptance, OverfittingKeepsTheOrder) {
    std::vector<std::int64_t> seen;
    e.trainer.overfit = true;
    e.trainer.train_batches = {1.0, 2};
    e.trainer.stop.max_epochs = 2;
    data.n_train = 40;
    e.loader.batch_size = 1;
    data.n_val = 0;
    struct Watching final : dv::Model {
        std::shared_ptr<dv::Model> inner;
        std::vector<std::int64_t>* seen;
        std::vector<dv::NamedTensor> parameters() const override { return inner->parameters(); }
        dv::StepOutput training_step(const dv::Batch& batch, const dv::Loss& loss) override {
            seen->push_back(batch.index[0].item<std::int64_t>());
            return inner->training_step(batch, loss);
        }
    };
    auto watching = std::make_shared<Watching>();
    watching->inner = model;
    watching->seen = &seen;
    e.model = watching;
    EXPECT_EQ(fit(), Pair(2, 4));
    EXPECT_THAT(seen, ElementsAre(0, 1, 0, 1));
}

TEST_F(Acceptance, Case15AStepWithoutLossDoesNotCount) {
    batches(4);
    model->without_loss = {1, 3};
    EXPECT_EQ(fit(), Pair(1, 2));
    e.trainer.lightning = true;
    EXPECT_EQ(fit(), Pair(1, 4));
}

TEST_F(Acceptance, Case16SanityChecksLeaveNoTrace) {
    data.n_val = 12;
    for (const auto& [asked, run] : std::vector<Pair>{{0, 0}, {1, 1}, {2, 2}, {5, 3}, {-1, 3}}) {
        e.callbacks.clear();
        std::int64_t n = 0;
        std::size_t rows_before_training = 0;
        on([&](std::uint32_t phase, const dv_run& r, const dv_answer& answer) {
            if (phase == DV_VALIDATION_BATCH_START && r.stage == DV_STAGE_SANITY_CHECK) ++n;
            if (phase == DV_VALIDATION_BATCH_END && r.stage == DV_STAGE_SANITY_CHECK) answer.log(answer.self, {"seen", 4}, 1.0);
            if (phase == DV_TRAIN_START) rows_before_training = sink.rows.size();
        });
        sink.rows.clear();
        e.trainer.num_sanity_val_steps = asked;
        fit();
        EXPECT_EQ(n, run);
        EXPECT_EQ(rows_before_training, 0u);
    }
}

TEST_F(Acceptance, Case40ClipsByNormAndByValue) {
    struct Five final : dv::Model {
        at::Tensor weight = at::zeros({5});
        Five() { weight.requires_grad_(); }
        std::vector<dv::NamedTensor> parameters() const override { return {{"weight", weight, true}}; }
        dv::StepOutput training_step(const dv::Batch&, const dv::Loss&) override {
            dv::StepOutput out;
            out.loss = weight.sum();
            return out;
        }
    };
    data.n_val = 0;
    e.trainer.stop.max_steps = 1;
    const auto norm = [&](std::optional<double> bound, loops::ClipAlgorithm algorithm) {
        auto five = std::make_shared<Five>();
        e.model = five;
        e.trainer.gradient_clip_val = bound;
        e.trainer.gradient_clip_algorithm = algorithm;
        fit();
        return five->weight.grad().norm().item<double>();
    };
    EXPECT_NEAR(norm(0.5, loops::ClipAlgorithm::norm), 0.5, 1e-5);
    EXPECT_NEAR(norm(0.5, loops::ClipAlgorithm::value), 1.11803, 1e-5);
    EXPECT_NEAR(norm({}, loops::ClipAlgorithm::norm), 2.23607, 1e-5);
}

TEST_F(Acceptance, ACallbackMayLeaveOutTheRestOfAnEpoch) {
    note_validations();
    on([](std::uint32_t phase, const dv_run& run, const dv_answer& answer) {
        if (phase == DV_TRAIN_BATCH_START && run.batch_idx == 2) answer.skip_epoch(answer.self);
    });
    e.trainer.stop.max_epochs = 2;
    EXPECT_EQ(fit(), Pair(2, 4));
    EXPECT_EQ(validations.size(), 2u);  // the validation that was due at the epoch's end takes place
    validations.clear();
    e.trainer.lightning = true;
    fit();
    EXPECT_THAT(validations, IsEmpty());
}

/// Two optimizers, of which each batch steps both.
struct Adversaries final : dv::Model {
    at::Tensor a = at::zeros({1}), b = at::zeros({1});
    Adversaries() {
        a.requires_grad_();
        b.requires_grad_();
    }
    std::vector<dv::NamedTensor> parameters() const override { return {{"a", a, true}, {"b", b, true}}; }
    bool optimizes_itself() const override { return true; }
    dv::StepOutput manual_step(const dv::Batch&, const dv::Loss&, dv::ManualOptimization& opt) override {
        for (std::size_t i = 0; i < opt.n_optimizers(); ++i) {
            opt.toggle(i);
            opt.zero_grad(i);
            opt.backward((i == 0 ? a : b).sum());
            opt.step(i);
            opt.untoggle(i);
        }
        return {};
    }
};

TEST_F(Acceptance, ManualOptimizationCountsBatchesThatStepped) {
    e.model = std::make_shared<Adversaries>();
    auto first = std::make_shared<GradientKeeper>(), second = std::make_shared<GradientKeeper>();
    first->lr = second->lr = 1.0;
    e.optimizers = {first, second};
    e.optimized = {{"a"}, {"b"}};
    data.n_val = 0;
    batches(3);
    EXPECT_EQ(fit(), Pair(1, 3));
    EXPECT_THAT(first->gradients, ElementsAre(1.0, 1.0, 1.0));
    EXPECT_EQ(second->gradients.size(), 3u);
}

TEST_F(Acceptance, SeveralOptimizersNeedAModelThatUsesThem) {
    e.optimizers.push_back(std::make_shared<GradientKeeper>());
    EXPECT_THAT(refusal(), HasSubstr("manual_step"));
    e.optimizers.pop_back();
    e.model = std::make_shared<Adversaries>();
    e.trainer.gradient_clip_val = 1.0;
    EXPECT_THAT(refusal(), HasSubstr("gradient_clip_val"));
}

/// A model that takes phases as a callback does.
struct Listening final : dv::Model, dv::OnTrainEpochStart, dv::OnTrainEpochEnd {
    std::shared_ptr<UnitModel> inner = std::make_shared<UnitModel>();
    std::vector<std::string>* calls = nullptr;
    std::vector<dv::NamedTensor> parameters() const override { return inner->parameters(); }
    dv::StepOutput training_step(const dv::Batch& b, const dv::Loss& l) override { return inner->training_step(b, l); }
    void on_train_epoch_start(const dv::RunView&, dv::Answer&) override { calls->push_back("model start"); }
    void on_train_epoch_end(const dv::RunView&, dv::Answer& answer) override {
        calls->push_back("model end");
        answer.log("of_model", 3.0);
    }
};

TEST_F(Acceptance, AModelSeesPhasesAfterCallbacksAndBeforeThoseThatWatch) {
    std::vector<std::string> calls;
    auto listening = std::make_shared<Listening>();
    listening->calls = &calls;
    e.model = listening;
    data.n_val = 0;
    auto watcher = std::make_shared<FunctionCallback>([&](std::uint32_t phase, const dv_run&, const dv_answer&) {
        if (phase == DV_TRAIN_EPOCH_END) calls.push_back("watcher end");
    });
    watcher->watches = true;
    e.callbacks.push_back(watcher);
    on([&](std::uint32_t phase, const dv_run&, const dv_answer&) {
        if (phase == DV_TRAIN_EPOCH_START) calls.push_back("callback start");
        if (phase == DV_TRAIN_EPOCH_END) calls.push_back("callback end");
    });
    fit();
    EXPECT_THAT(calls, ElementsAre("callback start", "model start", "callback end", "model end", "watcher end"));
    EXPECT_EQ(sink.rows.back().at("of_model"), 3.0);
}

TEST_F(Acceptance, Case14NoTimeIsNoStep) {
    e.trainer.stop.max_seconds = 0.0;
    EXPECT_EQ(fit(), (std::pair<std::int64_t, std::int64_t>(0, 0)));
}

}  // namespace
}  // namespace dvhost::testing

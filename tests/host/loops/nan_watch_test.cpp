/// What is not finite is found, named, and dealt with as the run asks.

#include "loops/nan_watch.hpp"
#include "boring.hpp"
#include "loops/trainer.hpp"

#include <ATen/ops/full.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace dvhost::testing {
namespace {

using loops::OnNan;
using loops::StageKind;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

class NotFinite : public ::testing::Test {
protected:
    CollectingSink sink;
    loops::Experiment e = boring_experiment(sink);
    BoringModel& model = static_cast<BoringModel&>(*e.model);
    BoringData& data = static_cast<BoringData&>(*e.data);
    std::vector<std::string> warnings;

    NotFinite() {
        data.n_train = 16;
        data.n_val = 0;
        e.warn = [this](const std::string& text) { warnings.push_back(text); };
    }
    loops::RunSummary fit() {
        loops::Trainer trainer(e);
        trainer.run({StageKind::fit});
        return trainer.summary();
    }
    std::string refusal() {
        try {
            fit();
        } catch (const dv::Error& error) {
            return error.what();
        }
        return "it went through";
    }
};

/// The mean of the outputs; NaN in the batches that are named.
struct SometimesNan final : dv::Loss {
    mutable int n = 0;
    std::vector<int> bad;
    at::Tensor value(const at::Tensor& outputs, const at::Tensor&) const override {
        const bool is_bad = std::find(bad.begin(), bad.end(), n++) != bad.end();
        return is_bad ? outputs.mean().mul(kNan) : outputs.mean();
    }
};

TEST_F(NotFinite, StopsTheRunAndNamesStepBatchAndCriterion) {
    const auto loss = std::make_shared<SometimesNan>();
    loss->bad = {2};
    e.loss = loss;
    e.trainer.log_every_n_steps = 0;  // the check does not wait for a row
    e.criteria = [] {
        return std::vector<dv::NamedTensor>{{"loss/cross_entropy", at::zeros({}), false},
                                            {"loss/activity", at::full({}, kNan), false}};
    };
    EXPECT_THAT(refusal(), AllOf(HasSubstr("nan at step 2 (batch 2 of epoch 0)"), HasSubstr("'loss/activity' is nan"),
                                 ::testing::Not(HasSubstr("cross_entropy"))));
}

TEST_F(NotFinite, NamesParametersThatAreNotFinite) {
    model.before_training_step = [&] { model.weight.data().fill_(kNan); };
    EXPECT_THAT(refusal(), HasSubstr("parameters that are not finite: 'weight'"));
}

/// Two layers, of which the second goes wrong at step 1.
struct Layered final : dv::Model {
    at::Tensor weight = at::zeros({2, 4});
    dv::temporal::Recorder* recorder = nullptr;
    Layered() { weight.requires_grad_(); }
    std::vector<dv::NamedTensor> parameters() const override { return {{"weight", weight, true}}; }
    std::vector<dv::LayerFacts> layers() const override { return {{"V1", 1, 2, 2, 1.0}, {"V2", 1, 2, 2, 1.0}}; }
    void record(dv::temporal::Recorder* r) override { recorder = r; }
    at::Tensor forward(const at::Tensor& frames) override {
        const at::Tensor image = frames.select(1, 0);
        for (std::int64_t t = 0; recorder != nullptr && t < 3; ++t) {
            recorder->record(0, t, image);
            recorder->record(1, t, t > 0 ? image.mul(kNan) : image);
        }
        return at::matmul(frames.flatten(2), weight.t()).mul(kNan);
    }
};

TEST_F(NotFinite, NamesTheFirstLayerAndStep) {
    e.model = std::make_shared<Layered>();
    EXPECT_THAT(refusal(), HasSubstr("the first response that is not finite is of layer 'V2' at time step 1"));
}

TEST_F(NotFinite, SkippedBatchesDoNotMoveTheWeights) {
    const auto loss = std::make_shared<SometimesNan>();
    loss->bad = {1, 2};
    e.loss = loss;
    e.trainer.on_nan = OnNan::skip;
    const auto summary = fit();
    EXPECT_EQ(summary.progress.global_step, 2);
    EXPECT_EQ(summary.progress.skipped_steps, 2);
    EXPECT_TRUE(model.weight.isfinite().all().item<bool>());
    ASSERT_THAT(warnings, SizeIs(1));
    EXPECT_THAT(warnings[0], AllOf(HasSubstr("at step 1"), HasSubstr("left out")));
}

TEST_F(NotFinite, IgnoringWarnsOnce) {
    const auto loss = std::make_shared<SometimesNan>();
    loss->bad = {1, 2};
    e.loss = loss;
    e.trainer.on_nan = OnNan::ignore;
    EXPECT_EQ(fit().progress.global_step, 4);
    ASSERT_THAT(warnings, SizeIs(1));
    EXPECT_THAT(warnings[0], HasSubstr("training goes on"));
}

dv::Batch batch_with(float value) {
    dv::Batch batch;
    at::Tensor frames = at::zeros({3, 1, 1, 2, 2});
    frames[1][0][0][1][0] = value;
    frames[2][0][0][1][0] = value;
    batch.frames = dv::Sequence::of(frames);
    batch.index = at::zeros({3}, at::kLong).add(40);
    batch.split = dv::Split::val;
    batch.batch_idx = 7;
    return batch;
}

TEST_F(NotFinite, InputsAreNamedByBatchAndSample) {
    for (const float bad : {kNan, std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
        try {
            loops::check_frames(batch_with(bad), e);
            FAIL() << "no error";
        } catch (const dv::Error& error) {
            EXPECT_THAT(error.what(),
                        AllOf(HasSubstr("2 values that are not finite"),
                              HasSubstr("val batch 7, first in its sample 1, which is sample 40 of the data")));
        }
    }
}

TEST_F(NotFinite, InputsAreWarnedOfWhenTheRunShallGoOn) {
    e.trainer.on_nan = OnNan::ignore;
    loops::check_frames(batch_with(kNan), e);
    EXPECT_THAT(warnings, SizeIs(1));
}

TEST_F(NotFinite, LargeInputsAreFine) {
    loops::check_frames(batch_with(3e38f), e);  // their sum is not finite, they are
    EXPECT_THAT(warnings, SizeIs(0));
}

TEST_F(NotFinite, CriteriaAreLoggedWithTheLoss) {
    e.criteria = [] { return std::vector<dv::NamedTensor>{{"loss/a", at::full({}, 0.25), false}}; };
    data.n_val = 8;
    fit();
    EXPECT_EQ(sink.rows[0].at("loss/a"), 0.25);
    const auto validation =
        std::find_if(sink.rows.begin(), sink.rows.end(), [](const auto& row) { return row.has("val/loss"); });
    ASSERT_NE(validation, sink.rows.end());
    EXPECT_EQ(validation->at("val/loss/a"), 0.25);
}

TEST_F(NotFinite, FrozenParametersAreNotTrained) {
    model.weight.set_requires_grad(false);
    EXPECT_THROW(fit(), dv::Error);  // nothing is left to optimize
}

}  // namespace
}  // namespace dvhost::testing

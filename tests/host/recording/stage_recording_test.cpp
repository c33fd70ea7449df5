/// Recorders in a run: the evaluation loop drives them, and files appear in the run folder.

#include "boring.hpp"
#include "loops/trainer.hpp"

#include <ATen/ops/full.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

namespace dvhost::testing {
namespace {

using loops::StageKind;
using ::testing::HasSubstr;

/// One layer that answers with the sample's first value, for two steps.
struct LayeredModel final : dv::Model {
    at::Tensor weight = at::zeros({2, 4});
    dv::temporal::Recorder* recorder = nullptr;
    int n_recorded = 0, n_forwards = 0;
    std::function<void()> before_step = [] {};
    std::function<bool()> spoils = [] { return false; };  ///< whether this forward's outputs are NaN

    LayeredModel() { weight.requires_grad_(); }
    std::vector<dv::NamedTensor> parameters() const override { return {{"weight", weight, true}}; }
    std::vector<dv::LayerFacts> layers() const override { return {{"V1", 1, 2, 2, 1.0}}; }
    void record(dv::temporal::Recorder* r) override { recorder = r; }
    at::Tensor forward(const at::Tensor& frames) override {
        before_step();
        ++n_forwards;
        if (recorder != nullptr) {
            bool wanted[2];
            for (std::int64_t t = 0; t < 2; ++t) wanted[t] = recorder->wants(0, t);
            for (std::int64_t t = 0; t < 2; ++t) {
                if (!wanted[t]) continue;
                recorder->record(0, t, frames.select(1, 0));
                ++n_recorded;
            }
        }
        const at::Tensor out = at::matmul(frames.flatten(2), weight.t()).expand({-1, 2, -1});
        return spoils() ? out.mul(std::nan("")) : out;
    }
    dv::Presentation present(const dv::Batch& batch) const override {
        return {batch.frames, batch.labels.unsqueeze(1).expand({-1, 2})};
    }
};

class StageRecording : public ::testing::Test {
protected:
    std::filesystem::path folder;
    CollectingSink sink;
    loops::Experiment e = boring_experiment(sink);
    std::shared_ptr<LayeredModel> model = std::make_shared<LayeredModel>();
    std::vector<std::string> log;

    StageRecording() {
        std::string name = (std::filesystem::temp_directory_path() / "dvhost-recording-XXXXXX").string();
        folder = mkdtemp(name.data());
        e.model = model;
        static_cast<BoringData&>(*e.data).n_test = 8;
        e.recording.folder = folder;
        e.recording.info = [this](const std::string& text) { log.push_back(text); };
        e.recording.recorders.push_back({});
    }
    ~StageRecording() override { std::filesystem::remove_all(folder); }
    void run(std::vector<StageKind> stages) { loops::Trainer(e).run(stages); }
    bool has(const char* file) const { return std::filesystem::exists(folder / file); }
};

TEST_F(StageRecording, TestWritesAFile) {
    run({StageKind::test});
    EXPECT_TRUE(has("responses_test.npz"));
    EXPECT_EQ(model->n_recorded, 2 * 2);  // batches, steps
    EXPECT_EQ(model->recorder, nullptr);
    ASSERT_EQ(log.size(), 2u);
    EXPECT_THAT(log[0], HasSubstr("up to 8 presentations x 2 time bins"));
    EXPECT_THAT(log[1], HasSubstr("8 of 8 presentations"));
}

TEST_F(StageRecording, TrainingAndSanityChecksRecordNothing) {
    e.trainer.num_sanity_val_steps = 2;
    run({StageKind::fit});
    EXPECT_EQ(model->n_recorded, 0);
    EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST_F(StageRecording, TrainingRecordsEachEpochWhenAskedTo) {
    e.recording.recorders[0].stages = {"train", "validate"};
    e.recording.recorders[0].n_samples = 6;
    e.trainer.stop.max_epochs = 3;
    e.trainer.val_check_interval = 0.5;  // validations come in between
    run({StageKind::fit});
    EXPECT_TRUE(has("responses_train.npz"));
    EXPECT_TRUE(has("responses_validate.npz"));
    EXPECT_EQ(std::count_if(log.begin(), log.end(),
                            [](const std::string& line) {
                                return line.find("6 of 8 presentations") != std::string::npos &&
                                       line.find("responses_train.npz") != std::string::npos;
                            }),
              3)
        << ::testing::PrintToString(log);
    EXPECT_EQ(model->recorder, nullptr);
}

TEST_F(StageRecording, WhoListensInBetweenDoesNotEndTheRecordingOfTraining) {
    // After a loss that is not finite the watch asks the model for its responses, in the middle of an epoch.
    e.recording.recorders[0].stages = {"train"};
    e.trainer.on_nan = loops::OnNan::skip;
    static_cast<BoringData&>(*e.data).n_val = 0;
    model->spoils = [this] { return model->n_forwards == 1; };
    run({StageKind::fit});
    EXPECT_EQ(model->n_forwards, 3);  // two batches, and the watch's
    EXPECT_THAT(log.back(), HasSubstr("8 of 8 presentations"));
    EXPECT_EQ(model->n_recorded, 2 * 3);
}

TEST_F(StageRecording, ATestEndsWhenItsRecordersAreFull) {
    e.recording.recorders[0].n_samples = 3;
    e.recording.recorders.push_back({.name = "more", .n_samples = 4});
    static_cast<BoringData&>(*e.data).n_test = 32;
    run({StageKind::test});
    EXPECT_EQ(model->n_forwards, 8);
    model->n_forwards = 0;
    e.trainer.early_test_stop = true;
    run({StageKind::test});
    EXPECT_EQ(model->n_forwards, 1);  // of four samples
    EXPECT_THAT(log, ::testing::Contains(HasSubstr("the test ends after 1 of 8 batches: its recorders are full")));
    EXPECT_THAT(log.back(), HasSubstr("4 of 4 presentations"));
}

TEST_F(StageRecording, ValidationRecordsWhenAskedTo) {
    e.recording.recorders[0].stages = {"validate"};
    run({StageKind::fit});
    EXPECT_TRUE(has("responses_validate.npz"));
    EXPECT_FALSE(has("responses_test.npz"));
}

TEST_F(StageRecording, TwoRecordersKeepApart) {
    e.recording.recorders[0].n_samples = 2;
    e.recording.recorders.push_back({.name = "mean", .reduce = recording::Reduce::layer, .n_samples = 5});
    run({StageKind::test});
    EXPECT_TRUE(has("responses_test.npz"));
    EXPECT_TRUE(has("mean_test.npz"));
    EXPECT_EQ(model->n_recorded, 2 * 2);  // once for both
}

TEST_F(StageRecording, WhatWasKeptBeforeAFailureIsWritten) {
    int n = 0;
    model->before_step = [&] {
        if (++n == 2) throw dv::Error("broken");
    };
    EXPECT_THROW(run({StageKind::test}), dv::Error);
    EXPECT_TRUE(has("responses_test.npz"));
    EXPECT_THAT(log.back(), HasSubstr("4 of 4 presentations"));
}

TEST_F(StageRecording, AModelWithoutLayersIsRefused) {
    e.model = std::make_shared<BoringModel>();
    try {
        run({StageKind::test});
        FAIL() << "no error";
    } catch (const dv::Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("this model has none that it shows"));
    }
}

}  // namespace
}  // namespace dvhost::testing

#include <dv/testing/load.hpp>
#include <dv/testing/torch.hpp>
#include <dv/testing/torch/callback.hpp>

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace {

using dv::testing::AnswerLog;
using dv::testing::Config;
using dv::testing::labels;
using dv::testing::Plugin;
using dv::testing::RunBuilder;
using dv::testing::tensor;
using dv::testing::TorchCallbackHandle;

/// Three units, two steps; samples of classes 0, 0 and 2, in two batches. The first step has no label.
class ClassifierResponseTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};
    RunBuilder run;

    TorchCallbackHandle make(const Config& config) {
        return TorchCallbackHandle(plugin.make<dv::TorchCallback>("classifier_response", config));
    }
    AnswerLog validate(TorchCallbackHandle& callback, int epoch = 0, dv_stage stage = DV_STAGE_VALIDATE) {
        callback.phase(DV_VALIDATION_START, run.stage(stage).epoch(epoch).step(7));
        callback.output = dv::StepOutput{
            {}, tensor({1, 0, 0, 2, 0, 1, 3, 0, 0, 6, 0, 3}, {2, 2, 3}), labels({-1, 0, -1, 0}, {2, 2}), {}};
        callback.phase(DV_VALIDATION_BATCH_END, run);
        callback.output = dv::StepOutput{{}, tensor({5, 5, 0, 0, 0, 8}, {1, 2, 3}), labels({-1, 2}, {1, 2}), {}};
        callback.phase(DV_VALIDATION_BATCH_END, run);
        return callback.phase(DV_VALIDATION_EPOCH_END, run);
    }
    std::string table() {
        std::ostringstream out;
        out << std::ifstream(plugin.host().run_dir() / "classifier_response.csv").rdbuf();
        return out.str();
    }
};

TEST_F(ClassifierResponseTest, TheTableHoldsMeansByClassAndStep) {
    auto callback = make({});
    validate(callback);
    EXPECT_EQ(table(),
              "epoch,step,class,time,response,others,n\n"
              "0,7,0,0,2,0,2\n"
              "0,7,0,1,4,1,2\n"
              "0,7,2,0,0,5,1\n"
              "0,7,2,1,8,0,1\n");
    validate(callback, 1);
    EXPECT_NE(table().find("\n1,7,2,1,8,0,1\n"), std::string::npos);  // each validation begins anew
}

TEST_F(ClassifierResponseTest, ARunThatGoesOnWritesNoRowTwice) {
    auto first = make({});
    validate(first, 0);
    const std::string whole = table();
    std::ofstream(plugin.host().run_dir() / "classifier_response.csv", std::ios::app) << "1,9,0,0,1,1,1\n";
    auto second = make({});
    validate(second, 0);
    EXPECT_EQ(table(), whole);
}

TEST_F(ClassifierResponseTest, ResponsesAtTheLastStepAreLogged) {
    auto callback = make({});
    const AnswerLog answer = validate(callback);
    EXPECT_EQ(answer.value("classifier_response/0"), 4.0);
    EXPECT_EQ(answer.value("classifier_response/2"), 8.0);
    EXPECT_FALSE(answer.value("classifier_response/1"));
    EXPECT_EQ(answer.value("classifier_response/mean"), 6.0);
    EXPECT_EQ(answer.value("classifier_response/others"), 0.5);
    EXPECT_TRUE(answer.misplaced.empty());
}

TEST_F(ClassifierResponseTest, ThePictureHasARowPerClass) {
    auto callback = make({{"pixels_per_cell", 2}});
    const AnswerLog answer = validate(callback);
    ASSERT_EQ(answer.images.size(), 1u);
    const auto& image = answer.images.front();
    EXPECT_EQ(image.width, 4u);
    EXPECT_EQ(image.height, 6u);
    EXPECT_EQ(image.png.substr(0, 8), "\x89PNG\r\n\x1a\n");
    // The rows, each behind a filter byte: class 0 has 2 and 4 of 8, class 1 was not shown, class 2 has 0 and 8.
    std::string rows;
    for (const auto& [left, right] : {std::pair{64, 128}, {0, 0}, {0, 255}}) {
        for (int i = 0; i < 2; ++i) {
            rows += '\0';
            for (const int value : {left, left, right, right}) rows += static_cast<char>(value);
        }
    }
    EXPECT_NE(image.png.find(rows), std::string::npos);
}

TEST_F(ClassifierResponseTest, WhatIsNotWantedIsLeftOut) {
    auto quiet = make({{"path", ""}, {"scalars", false}, {"image", false}});
    const AnswerLog answer = validate(quiet);
    EXPECT_TRUE(answer.logged.empty() && answer.images.empty());
    EXPECT_EQ(table(), "");
    auto seldom = make({{"every_n_epochs", 2}});
    EXPECT_TRUE(validate(seldom, 0).logged.empty());
    EXPECT_FALSE(validate(seldom, 1).logged.empty());
    EXPECT_TRUE(validate(seldom, 1, DV_STAGE_SANITY_CHECK).logged.empty());
}

TEST_F(ClassifierResponseTest, AModelWithoutOutputsIsNoProblem) {
    auto callback = make({});
    callback.phase(DV_VALIDATION_START, run.stage(DV_STAGE_VALIDATE));
    callback.output = dv::StepOutput{};
    callback.phase(DV_VALIDATION_BATCH_END, run);
    EXPECT_TRUE(callback.phase(DV_VALIDATION_EPOCH_END, run).logged.empty());
}

}  // namespace

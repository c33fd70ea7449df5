#include "compose/training_set.hpp"

#include <dv/error.hpp>

#include <ATen/ops/zeros.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace dvhost::testing {
namespace {

using checkpoint::WeightsReport;
using compose::choose_trained;
using compose::lr_scale;
using compose::LrScaling;
using compose::OptimizerKeys;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Bag final : dv::Model {
    std::vector<dv::NamedTensor> tensors;
    Bag() {
        for (const char* name :
             {"V1.conv.weight", "V1.conv.bias", "V1.recurrence.conv.weight", "classifier.2.weight"}) {
            tensors.push_back({name, at::zeros({1}).set_requires_grad(true), true});
        }
        tensors.push_back({"tau_V1", at::zeros({1}), false});
    }
    std::vector<dv::NamedTensor> parameters() const override { return tensors; }
    std::vector<std::string> trained() const {
        std::vector<std::string> names;
        for (const dv::NamedTensor& t : tensors) {
            if (t.tensor.requires_grad()) names.push_back(t.name);
        }
        return names;
    }
};

class TrainingSet : public ::testing::Test {
protected:
    Bag model;
    std::vector<std::string> warnings;
    void choose(const OptimizerKeys& keys, const WeightsReport* loaded = nullptr, bool trainable_rest = true) {
        choose_trained(
            model, keys, loaded, trainable_rest, [this](const std::string& text) { warnings.push_back(text); },
            [](const std::string&) {});
    }
    std::string refusal(const OptimizerKeys& keys, const WeightsReport* loaded = nullptr) {
        try {
            choose(keys, loaded);
        } catch (const dv::Error& error) {
            return error.what();
        }
        return "it was taken";
    }
};

TEST_F(TrainingSet, IsEverythingByDefault) {
    choose({});
    EXPECT_EQ(model.trained().size(), 4u);
}

TEST_F(TrainingSet, PatternsNameWhatIsTrainedAndWhatIsNot) {
    choose({.lr_scaling = {}, .trainable = {"V1.*"}, .frozen = {"*.bias", "V2.*"}});
    EXPECT_THAT(model.trained(), ElementsAre("V1.conv.weight", "V1.recurrence.conv.weight"));
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_THAT(warnings[0], HasSubstr("'V2.*'"));
}

TEST_F(TrainingSet, APatternThatTrainsNothingIsRefused) {
    EXPECT_THAT(refusal({.lr_scaling = {}, .trainable = {"V1.*", "V9.*"}, .frozen = {}}), HasSubstr("'V9.*'"));
    EXPECT_THAT(refusal({.lr_scaling = {}, .trainable = {}, .frozen = {"*"}}),
                HasSubstr("leave no parameter to train"));
}

TEST_F(TrainingSet, AfterAFileTheRestIsTrained) {
    WeightsReport loaded;
    loaded.loaded = {"V1.conv.weight", "V1.conv.bias"};
    choose({}, &loaded);
    EXPECT_THAT(model.trained(), ElementsAre("V1.recurrence.conv.weight", "classifier.2.weight"));
}

TEST_F(TrainingSet, AProjectsOwnChoiceGoesBeforeTheRest) {
    WeightsReport loaded;
    loaded.loaded = {"V1.conv.weight", "V1.conv.bias", "V1.recurrence.conv.weight", "classifier.2.weight"};
    loaded.trained_after = {"classifier.2.*"};
    choose({}, &loaded);
    EXPECT_THAT(model.trained(), ElementsAre("classifier.2.weight"));
}

TEST_F(TrainingSet, TheManifestsNamesGoBeforeBoth) {
    WeightsReport loaded;
    loaded.loaded = {"V1.conv.weight", "classifier.2.weight"};
    loaded.trained_after = {"classifier.2.*"};
    choose({.lr_scaling = {}, .trainable = {"V1.conv.*"}, .frozen = {}}, &loaded);
    EXPECT_THAT(model.trained(), ElementsAre("V1.conv.weight", "V1.conv.bias"));
}

TEST_F(TrainingSet, AFileThatSuppliesAllLeavesNothingUnlessAskedOtherwise) {
    WeightsReport loaded;
    loaded.loaded = {"V1.conv.weight", "V1.conv.bias", "V1.recurrence.conv.weight", "classifier.2.weight"};
    choose({}, &loaded, /*trainable_rest=*/false);
    EXPECT_EQ(model.trained().size(), 4u);
    EXPECT_THAT(refusal({}, &loaded), HasSubstr("weights.trainable_rest = false"));
}

// DynVision: E/64 up to 128, above it the root. 192 · 4 = 768 samples give √12.
TEST(LearningRateScale, IsLinearThenARoot) {
    EXPECT_EQ(lr_scale({}, 32), 0.5);
    EXPECT_EQ(lr_scale({}, 64), 1.0);
    EXPECT_EQ(lr_scale({}, 128), 2.0);
    EXPECT_NEAR(lr_scale({}, 129), std::sqrt(129.0 / 64.0), 1e-15);
    EXPECT_NEAR(lr_scale({}, 768), 3.4641016151, 1e-10);
    EXPECT_EQ(lr_scale(LrScaling{.reference = 256.0, .linear_up_to = 1e9}, 1024), 4.0);
}

}  // namespace
}  // namespace dvhost::testing

#include <dv/testing/load.hpp>
#include <dv/torch/loss.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/full.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace {

using dv::testing::Config;

std::shared_ptr<dv::Loss> cross_entropy(const Config& config = {}) {
    dv::testing::Plugin plugin(DV_PLUGIN_UNDER_TEST);
    return plugin.make<dv::Loss>("cross_entropy", config);
}

at::Tensor labels(std::vector<std::int64_t> values, std::int64_t n_timesteps) {
    return at::tensor(values, at::TensorOptions(at::kLong)).view({-1, n_timesteps});
}
double number(const at::Tensor& tensor) { return tensor.detach().to(at::kDouble).item().toDouble(); }

/// o = sin(0 … 23), three samples of two steps, four classes.
at::Tensor sines() { return at::arange(24, at::TensorOptions(at::kDouble)).sin().view({3, 2, 4}); }
at::Tensor sine_labels() { return labels({-1, 0, 3, -1, 2, 1}, 2); }

std::string refusal(const dv::Loss& loss, const at::Tensor& outputs, const at::Tensor& of) {
    try {
        loss.value(outputs, of);
    } catch (const dv::Error& error) {
        return error.what();
    }
    return "";
}

TEST(CrossEntropy, OfEqualOutputsIsTheLogOfTheirNumber) {
    EXPECT_NEAR(number(cross_entropy()->value(at::zeros({2, 3, 7}, at::kDouble), labels({0, 1, 2, 3, 4, 5}, 3))),
                std::log(7.0), 1e-15);
}

TEST(CrossEntropy, MeanIsOverScoredEntries) {
    EXPECT_NEAR(number(cross_entropy()->value(sines(), sine_labels())), 1.8545847032, 1e-10);
}

TEST(CrossEntropy, OfDynVisionIsRoundedToFloat) {
    const auto exact = cross_entropy()->value(sines(), sine_labels());
    const auto rounded = cross_entropy({{"compat", "dynvision-0.1"}})->value(sines(), sine_labels());
    EXPECT_EQ(rounded.scalar_type(), at::kDouble);
    EXPECT_NE(number(rounded), number(exact));
    EXPECT_EQ(number(rounded), static_cast<double>(static_cast<float>(number(exact))));
}

TEST(CrossEntropy, WithoutReductionThereIsAValuePerEntry) {
    const Config plain{{"reduction", "none"}};
    const Config smooth{
        {"reduction", "none"}, {"label_smoothing", 0.1}, {"class_weights", dv::testing::list(2.0, 0.0, 1.0, 0.5)}};
    for (const Config& config : {plain, smooth}) {
        Config summed = config;
        summed.set("reduction", "sum");
        const at::Tensor each = cross_entropy(config)->value(sines(), sine_labels());
        ASSERT_TRUE(each.sizes() == sine_labels().sizes());
        EXPECT_NEAR(number(each.sum()), number(cross_entropy(summed)->value(sines(), sine_labels())), 1e-13);
        EXPECT_EQ(number(each[0][0]), 0.0);
        EXPECT_EQ(number(each[1][1]), 0.0);
    }
}

TEST(CrossEntropy, SumIsOverScoredEntries) {
    EXPECT_NEAR(number(cross_entropy({{"reduction", "sum"}})->value(sines(), sine_labels())), 7.4183388129, 1e-10);
}

// d mean / d o = (softmax(o) − one-hot) / n where scored, 0 elsewhere.
TEST(CrossEntropy, GradientIsSoftmaxMinusOneHot) {
    const at::Tensor outputs = sines().set_requires_grad(true);
    cross_entropy()->value(outputs, sine_labels()).backward();
    at::Tensor expected = sines().softmax(2);
    for (const auto& [sample, step, label] :
         {std::array{0, 1, 0}, std::array{1, 0, 3}, std::array{2, 0, 2}, std::array{2, 1, 1}}) {
        expected[sample][step][label].sub_(1.0);
    }
    expected[0][0].zero_();
    expected[1][1].zero_();
    EXPECT_TRUE(outputs.grad().allclose(expected.div(4.0), 0.0, 1e-15));
}

TEST(CrossEntropy, IsPyTorchsForFewAndForManyClasses) {
    for (const std::int64_t n_classes : {2, 15, 16, 100}) {
        const auto outputs_of = [&] {
            return at::arange(6 * n_classes, at::TensorOptions(at::kDouble))
                .sin()
                .view({3, 2, n_classes})
                .set_requires_grad(true);
        };
        const at::Tensor ours = outputs_of(), theirs = outputs_of(), target = labels({1, 0, -1, 1, 0, 1}, 2);
        const at::Tensor value = cross_entropy()->value(ours, target);
        const at::Tensor expected =
            at::cross_entropy_loss(theirs.flatten(0, 1), target.flatten(), {}, at::Reduction::Mean, -1, 0.0);
        value.backward();
        expected.backward();
        EXPECT_NEAR(number(value), number(expected), 1e-14) << n_classes;
        EXPECT_TRUE(ours.grad().allclose(theirs.grad(), 0.0, 1e-15)) << n_classes;
    }
}

TEST(CrossEntropy, OfABatchWithoutScoredEntriesIsZeroAndKeepsTheGraph) {
    for (const char* reduction : {"mean", "sum"}) {
        const at::Tensor outputs = sines().set_requires_grad(true);
        const at::Tensor value =
            cross_entropy({{"reduction", reduction}})->value(outputs, at::full({3, 2}, -1, at::kLong));
        EXPECT_EQ(number(value), 0.0);
        ASSERT_TRUE(value.requires_grad());
        value.backward();
        EXPECT_TRUE(outputs.grad().equal(at::zeros_like(outputs)));
    }
}

TEST(CrossEntropy, AnyNegativeLabelIsNotScored) {
    const at::Tensor value = cross_entropy()->value(sines(), labels({-7, 0, 3, -100, 2, 1}, 2));
    EXPECT_NEAR(number(value), 1.8545847032, 1e-10);
}

TEST(CrossEntropy, IgnoreIndexMayBeAnyLabel) {
    const at::Tensor void_is_255 = labels({255, 0, 3, 255, 2, 1}, 2);
    EXPECT_NEAR(number(cross_entropy({{"ignore_index", 255}})->value(sines(), void_is_255)), 1.8545847032, 1e-10);
    // With class 2 left out: the other three of the four entries.
    const double all = number(cross_entropy({{"reduction", "sum"}})->value(sines(), sine_labels()));
    const double of_class_2 = -number(at::log_softmax(sines()[2][0], 0)[2]);
    EXPECT_NEAR(number(cross_entropy({{"ignore_index", 2}})->value(sines(), sine_labels())), (all - of_class_2) / 3,
                1e-14);
}

TEST(CrossEntropy, ClassWeightsMultiplyElementsAndNotTheirCount) {
    const Config config{{"class_weights", dv::testing::list(2.0, 0.0, 1.0, 0.5)}, {"reduction", "sum"}};
    const at::Tensor log_p = at::log_softmax(sines(), 2);
    const double expected = -(2.0 * number(log_p[0][1][0]) + 0.5 * number(log_p[1][0][3]) + number(log_p[2][0][2]));
    EXPECT_NEAR(number(cross_entropy(config)->value(sines(), sine_labels())), expected, 1e-14);
    Config mean = config;
    mean.set("reduction", "mean");
    EXPECT_NEAR(number(cross_entropy(mean)->value(sines(), sine_labels())), expected / 4, 1e-14);
}

TEST(CrossEntropy, LabelSmoothingIsPyTorchs) {
    const at::Tensor flat = sines().view({6, 4}), target = sine_labels().view({6});
    const at::Tensor weights = at::tensor({2.0, 0.0, 1.0, 0.5}, at::kDouble);
    const Config plain{{"label_smoothing", 0.1}};
    EXPECT_NEAR(number(cross_entropy(plain)->value(sines(), sine_labels())),
                number(at::cross_entropy_loss(flat, target, {}, at::Reduction::Mean, -1, 0.1)), 1e-14);
    const Config weighted{
        {"label_smoothing", 0.1}, {"reduction", "sum"}, {"class_weights", dv::testing::list(2.0, 0.0, 1.0, 0.5)}};
    EXPECT_NEAR(number(cross_entropy(weighted)->value(sines(), sine_labels())),
                number(at::cross_entropy_loss(flat, target, weights, at::Reduction::Sum, -1, 0.1)), 1e-14);
}

TEST(CrossEntropy, HasTheOutputsDtypeAndSumsNarrowOnesInFloat) {
    for (const auto dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
        const at::Tensor value = cross_entropy()->value(sines().to(dtype), sine_labels());
        EXPECT_EQ(value.scalar_type(), dtype);
        EXPECT_EQ(value.dim(), 0);
    }
    // 600 entries of log 2 each: a sum in bfloat16 would stop growing at 256.
    const at::Tensor even = at::zeros({30, 20, 2}, at::kBFloat16);
    const double sum = number(cross_entropy({{"reduction", "sum"}})->value(even, at::ones({30, 20}, at::kLong)));
    EXPECT_NEAR(sum, 600 * std::log(2.0), 2.0);
}

TEST(CrossEntropy, StaysFiniteForHugeOutputs) {
    const at::Tensor outputs = at::tensor({1e4, -1e4, 0.0}, at::kDouble).view({1, 1, 3});
    EXPECT_NEAR(number(cross_entropy()->value(outputs, labels({1}, 1))), 2e4, 1e-9);
}

TEST(CrossEntropy, NamesALabelWithoutAClass) {
    const auto loss = cross_entropy();
    EXPECT_NE(refusal(*loss, sines(), labels({0, 1, 2, 3, 4, 0}, 2))
                  .find("label 4 at [2, 0] (batch, time): the outputs have 4 "
                        "classes, so labels are 0 to 3"),
              std::string::npos);
    EXPECT_NEAR(number(loss->value(sines(), sine_labels())), 1.8545847032, 1e-10);  // goes on afterwards
}

TEST(CrossEntropy, RefusesShapesThatDoNotFit) {
    EXPECT_NE(refusal(*cross_entropy(), sines(), labels({0, 1, 2}, 1)).find("outputs [3, 2, 4] and Long labels [3, 1]"),
              std::string::npos);
    EXPECT_NE(refusal(*cross_entropy(), sines().flatten(0, 1), sine_labels()), "");
    EXPECT_NE(refusal(*cross_entropy(), sines(), sine_labels().to(at::kInt)), "");
}

TEST(CrossEntropy, RefusesClassWeightsOfAnotherNumber) {
    const std::string text =
        refusal(*cross_entropy({{"class_weights", dv::testing::list(1.0, 2.0)}}), sines(), sine_labels());
    EXPECT_NE(text.find("'class_weights' has 2 numbers, but there are 4 classes"), std::string::npos) << text;
}

}  // namespace

/// Searches for a learning rate and a batch size.

#include "compose/tuning.hpp"
#include "loops/trainer.hpp"

#include "boring.hpp"

#include <c10/util/Exception.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace dvhost::compose {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::int64_t> sizes(const BatchSizeResult& result) {
    std::vector<std::int64_t> out;
    for (const auto& trial : result.trials) out.push_back(trial.size);
    return out;
}

TEST(LrSearch, GrowsByAConstantFactorOrAConstantAmount) {
    const LrSearch exponential{.min_lr = 1e-4, .max_lr = 1.0, .steps = 4};
    EXPECT_DOUBLE_EQ(exponential.rate(0), 1e-4);
    EXPECT_NEAR(exponential.rate(1), 1e-3, 1e-15);
    EXPECT_NEAR(exponential.rate(4), 1.0, 1e-12);
    const LrSearch linear{.min_lr = 1.0, .max_lr = 2.0, .steps = 4, .exponential = false};
    EXPECT_DOUBLE_EQ(linear.rate(1), 1.25);
}

TEST(SteepestPoint, IsWhereTheLossFallsFastest) {
    std::vector<double> loss(30);
    for (std::size_t i = 0; i < loss.size(); ++i) loss[i] = -std::tanh((static_cast<double>(i) - 17.0) / 3.0);
    EXPECT_EQ(steepest(loss), 17u);
    EXPECT_EQ(steepest(std::vector<double>(12, 1.0)), std::nullopt);  // one point left of 12
    EXPECT_EQ(steepest({0.0, 3.0, 2.0, 0.0, 1.0}, 0, 0), 2u);
}

TEST(LrFinder, SmoothsTheLossOfEachStepAndRestoresEverything) {
    testing::CollectingSink sink;
    loops::Experiment e = testing::boring_experiment(sink);
    const auto model = std::static_pointer_cast<testing::BoringModel>(e.model);
    const at::Tensor before = model->weight.detach().clone();
    LrSearch search{.min_lr = 1e-6, .max_lr = 1e-3, .steps = 20};
    const LrCurve curve = find_lr(e, search);
    ASSERT_EQ(curve.lr.size(), 20u);  // ten epochs of two steps
    EXPECT_DOUBLE_EQ(curve.lr.front(), 1e-6);
    EXPECT_DOUBLE_EQ(curve.loss.front(), 0.0);  // with weights of 0
    EXPECT_LT(curve.loss.back(), 0.0);
    EXPECT_TRUE(curve.suggestion.has_value());
    EXPECT_TRUE(model->weight.detach().equal(before));
    EXPECT_FALSE(model->weight.grad().defined());
    EXPECT_TRUE(sink.rows.empty());
    EXPECT_EQ(e.trainer.stop.max_steps, -1);
}

TEST(LrFinder, StepsWithTheRateThatItReports) {
    testing::CollectingSink sink;
    loops::Experiment e = testing::boring_experiment(sink);
    e.loader.batch_size = 8;  // one step per epoch, always the same batch
    e.loader.shuffle = false;
    // w ← w − lr · g with a constant g, and a loss that is linear in w: each step lowers it by lr · |g|².
    const LrCurve curve = find_lr(e, {.min_lr = 1.0, .max_lr = 2.0, .steps = 4, .exponential = false, .early_stop_threshold = 0});
    std::vector<double> loss;  // before smoothing
    double mean = 0.0;
    for (std::size_t i = 0; i < curve.loss.size(); ++i) {
        const double next = curve.loss[i] * (1.0 - std::pow(0.98, static_cast<double>(i + 1)));
        loss.push_back((next - 0.98 * mean) / 0.02);
        mean = next;
    }
    ASSERT_EQ(loss.size(), 4u);
    EXPECT_NEAR((loss[2] - loss[1]) / (loss[1] - loss[0]), 1.25 / 1.0, 1e-4);
    EXPECT_NEAR((loss[3] - loss[2]) / (loss[1] - loss[0]), 1.5 / 1.0, 1e-4);
}

/// A loss that only grows.
struct Exploding final : dv::Loss {
    mutable double value_ = 1.0;
    at::Tensor value(const at::Tensor& outputs, const at::Tensor&) const override {
        value_ *= 3.0;
        return outputs.mean().mul(0.0).add(value_);
    }
};

TEST(LrFinder, StopsWhenTheLossDiverges) {
    testing::CollectingSink sink;
    loops::Experiment e = testing::boring_experiment(sink);
    e.loss = std::make_shared<Exploding>();
    const LrCurve curve = find_lr(e, {.steps = 50});
    EXPECT_TRUE(curve.stopped_early);
    EXPECT_LT(curve.lr.size(), 10u);
    EXPECT_EQ(curve.suggestion, std::nullopt);
}

TEST(LrFinder, RefusesSeveralOptimizers) {
    testing::CollectingSink sink;
    loops::Experiment e = testing::boring_experiment(sink);
    e.optimizers.push_back(std::make_shared<testing::BoringOptimizer>());
    EXPECT_THROW(find_lr(e, {}), dv::Error);
}

TEST(BatchSizeFinder, DoublesUntilMemoryRunsOut) {
    const BatchSizeResult result = find_batch_size({}, 100'000, [](std::int64_t n) { return n <= 50; });
    EXPECT_EQ(result.size, 32);
    EXPECT_THAT(sizes(result), ElementsAre(2, 4, 8, 16, 32, 64));
    EXPECT_THAT(result.ended_because, HasSubstr("memory ran out with 64"));
}

TEST(BatchSizeFinder, BisectsDownToOneAndLeavesAMargin) {
    const BatchSizeResult result = find_batch_size({.bisect = true}, 100'000, [](std::int64_t n) { return n <= 50; });
    EXPECT_EQ(result.size, 47);  // 50 less 5 %
    EXPECT_THAT(sizes(result), ElementsAre(2, 4, 8, 16, 32, 64, 48, 56, 52, 50, 51));
}

TEST(BatchSizeFinder, TriesNoMoreThanThereIsOrThanItMay) {
    const auto always = [](std::int64_t) { return true; };
    EXPECT_EQ(find_batch_size({}, 100, always).size, 100);
    EXPECT_EQ(find_batch_size({.most = 20}, 100, always).size, 20);
    EXPECT_EQ(find_batch_size({.max_trials = 3}, 100, always).size, 8);
    EXPECT_THAT(sizes(find_batch_size({}, 1, always)), ElementsAre(1));
}

TEST(BatchSizeFinder, SaysWhenNothingFits) {
    EXPECT_THROW(find_batch_size({}, 100, [](std::int64_t) { return false; }), dv::Error);
}

/// Needs too much memory for large batches.
struct Hungry final : dv::Model {
    at::Tensor weight = at::zeros({2, 4}).requires_grad_();
    std::string message;
    std::vector<dv::NamedTensor> parameters() const override { return {{"weight", weight, true}}; }
    at::Tensor forward(const at::Tensor& frames) override {
        if (frames.size(0) > 3) throw dv::Error(message);
        return at::matmul(frames.flatten(2), weight.t());
    }
};

TEST(BatchTrial, SurvivesMemoryRunningOutAndRestoresEverything) {
    testing::CollectingSink sink;
    loops::Experiment e = testing::boring_experiment(sink);
    const auto model = std::make_shared<Hungry>();
    model->message = "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes";
    e.model = model;
    EXPECT_TRUE(batch_fits(e, 2, 3));
    EXPECT_FALSE(batch_fits(e, 4, 3));
    EXPECT_TRUE(batch_fits(e, 3, 3));
    EXPECT_TRUE(model->weight.detach().equal(at::zeros({2, 4})));
    EXPECT_EQ(e.loader.batch_size, 4);
}

TEST(BatchTrial, DoesNotTakeAnotherFailureForMemory) {
    testing::CollectingSink sink;
    loops::Experiment e = testing::boring_experiment(sink);
    const auto model = std::make_shared<Hungry>();
    model->message = "the batch is odd";
    e.model = model;
    EXPECT_THROW(batch_fits(e, 4, 1), dv::Error);
}

TEST(OutOfMemory, IsKnownByTypeOrText) {
    EXPECT_TRUE(is_out_of_memory(std::bad_alloc()));
    EXPECT_TRUE(is_out_of_memory(dv::Error("CUDA out of memory. Tried to allocate 2 GiB")));
    EXPECT_FALSE(is_out_of_memory(dv::Error("shapes differ")));
}

TEST(MemoryCap, MakesALargeAllocationFailAndALaterOneWork) {
    const std::int64_t n = std::int64_t{256} << 20;
    {
        const MemoryCap cap(std::uint64_t{64} << 20);
        EXPECT_ANY_THROW(at::empty({n}, at::kByte));
    }
    EXPECT_NO_THROW(at::empty({n}, at::kByte));
}

}  // namespace
}  // namespace dvhost::compose

#include <dv/testing/load.hpp>
#include <dv/torch/strategy.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace {

std::shared_ptr<dv::Strategy> single_device() {
    dv::testing::Plugin plugin(DV_PLUGIN_UNDER_TEST);
    return plugin.make<dv::Strategy>("single_device");
}

dv::Batch batch() {
    return {dv::Sequence::of(at::arange(24.0).view({2, 1, 3, 2, 2})),
            at::tensor({4, 7}, at::kLong).view({2, 1}),
            at::tensor({30, 31}, at::kLong),
            dv::Split::val,
            3,
            5};
}

template <class Action>
std::string refusal(const Action& action) {
    try {
        action();
    } catch (const dv::Error& error) {
        return error.what();
    }
    return "";
}

TEST(SingleDevice, IsAloneOnItsDevice) {
    const auto strategy = single_device();
    strategy->connect(c10::Device(c10::kCPU));
    EXPECT_EQ(strategy->device(), c10::Device(c10::kCPU));
    EXPECT_EQ(strategy->rank().global, 0);
    EXPECT_EQ(strategy->rank().world_size, 1);
    strategy->barrier();
    strategy->teardown();
}

TEST(SingleDevice, KeepsHandlesValuesAndLeavesWhenItSetsUp) {
    const auto strategy = single_device();
    strategy->connect(c10::Device(c10::kCPU));
    const at::Tensor weight = at::arange(6.0).set_requires_grad(true);
    const void* memory = weight.const_data_ptr();
    strategy->setup(std::vector<dv::NamedTensor>{{"weight", weight}, {"count", at::ones({}), false}});
    EXPECT_EQ(weight.const_data_ptr(), memory);  // already there
    EXPECT_TRUE(weight.requires_grad());
    EXPECT_TRUE(weight.is_leaf());
}

// The meta device stands for one that is not the CPU: it has tensors, though no values.
TEST(SingleDevice, MovesTheWholeBatch) {
    const auto strategy = single_device();
    strategy->connect(c10::Device(c10::kMeta));
    const dv::Batch moved = strategy->to_device(batch());
    for (const at::Tensor& tensor : {moved.frames.frames, moved.labels, moved.index}) EXPECT_TRUE(tensor.is_meta());
    EXPECT_EQ(moved.frames.frames.sizes(), batch().frames.frames.sizes());
}

TEST(SingleDevice, GivesTheWholeBatch) {
    const auto strategy = single_device();
    strategy->connect(c10::Device(c10::kCPU));
    const dv::Batch in = batch();
    const dv::Batch out = strategy->to_device(in);
    EXPECT_TRUE(out.frames.frames.equal(in.frames.frames));
    EXPECT_EQ(out.frames.schedule, in.frames.schedule);
    EXPECT_TRUE(out.labels.equal(in.labels));
    EXPECT_TRUE(out.index.equal(in.index));
    EXPECT_EQ(out.split, dv::Split::val);
    EXPECT_EQ(out.epoch, 3);
    EXPECT_EQ(out.batch_idx, 5);
}

TEST(SingleDevice, LeavesAbsentLabelsAbsent) {
    const auto strategy = single_device();
    strategy->connect(c10::Device(c10::kCPU));
    dv::Batch in = batch();
    in.labels.reset();
    EXPECT_FALSE(strategy->to_device(in).labels.defined());
}

TEST(SingleDevice, BackwardAddsToGradients) {
    const auto strategy = single_device();
    strategy->connect(c10::Device(c10::kCPU));
    const at::Tensor w = at::tensor({3.0, 4.0}).set_requires_grad(true);
    for (const auto sync : {dv::GradientSync::later, dv::GradientSync::now}) strategy->backward(w.mul(w).sum(), sync);
    EXPECT_TRUE(w.grad().equal(at::tensor({12.0, 16.0})));
}

TEST(SingleDevice, RefusesALossWithoutGradient) {
    const auto strategy = single_device();
    strategy->connect(c10::Device(c10::kCPU));
    const std::string text = refusal([&] { strategy->backward(at::ones({}), dv::GradientSync::now); });
    EXPECT_NE(text.find("does not depend on any trainable parameter"), std::string::npos) << text;
}

TEST(SingleDevice, ReducesToTheValueItself) {
    const auto strategy = single_device();
    for (const auto how : {dv::Reduction::mean, dv::Reduction::sum, dv::Reduction::min, dv::Reduction::max}) {
        EXPECT_EQ(strategy->reduce(at::tensor({2.5}), how).item().toDouble(), 2.5);
    }
}

// Whether there is a GPU or not: CUDA's part of LibTorch is not loaded in this process.
TEST(SingleDevice, RefusesCudaWhereThereIsNone) {
    const std::string text = refusal([] { single_device()->connect(c10::Device(c10::kCUDA)); });
    EXPECT_NE(text.find("the run asks for cuda, but there is no CUDA here"), std::string::npos) << text;
}

}  // namespace

#include "suites.hpp"

#include <ATen/ops/full.h>

namespace dv::testing {
namespace {

/// A strategy on the CPU, in a group of this process alone.
std::shared_ptr<Strategy> connected(const Subject& subject) {
    auto strategy = subject.make<Strategy>();
    strategy->connect(c10::Device(c10::kCPU));
    if (strategy->rank().world_size != 1) skip("it is in a group of ", strategy->rank().world_size);
    return strategy;
}

void knows_its_place(const Subject& subject) {
    const auto strategy = connected(subject);
    const Rank rank = strategy->rank();
    expect(rank.global == 0 && rank.local == 0 && rank.node == 0, "alone in its group, its rank is ", rank.global, ", ",
           rank.local, " on node ", rank.node);
    expect(strategy->device().is_cpu(), "connected to the CPU, its device is ", strategy->device().str());
}

void setup_keeps_values_and_handles(const Subject& subject) {
    const auto strategy = connected(subject);
    std::vector<NamedTensor> tensors{{"weight", uniform(71, {3, 4}), true}, {"running_mean", uniform(72, {4}), false}};
    tensors[0].tensor.requires_grad_();
    const at::Tensor handle = tensors[0].tensor;
    const at::Tensor weight = handle.detach().clone(), mean = tensors[1].tensor.clone();
    strategy->setup(tensors);
    expect(same_bits(handle, weight), "setup() changes a parameter's values, seen through a handle made before");
    expect(same_bits(tensors[1].tensor, mean), "setup() changes a buffer's values");
    expect(handle.requires_grad() && handle.is_leaf(), "after setup() a parameter is no trainable leaf any more");
}

void to_device_keeps_the_batch(const Subject& subject) {
    const auto strategy = connected(subject);
    const DataFacts facts{.n_frames = 2, .channels = 1, .height = 3, .width = 4, .n_classes = 5};
    Batch batch = still_batch(73, 6, facts);
    batch.frames.schedule = {0, 0, Sequence::kBlank, 1};
    batch.frames.idle_timesteps = 3;
    batch.frames.blank_value = 0.25;
    batch.split = Split::val;
    batch.epoch = 4;
    batch.batch_idx = 9;
    const Batch moved = strategy->to_device(batch);
    expect(same_bits(moved.frames.frames, batch.frames.frames), "to_device() changes the frames");
    expect(same_bits(moved.labels, batch.labels) && same_bits(moved.index, batch.index),
           "to_device() changes labels or index");
    expect(moved.frames.schedule == batch.frames.schedule && moved.frames.idle_timesteps == 3 &&
               moved.frames.blank_value == 0.25,
           "to_device() changes when frames are shown");
    expect(moved.split == Split::val && moved.epoch == 4 && moved.batch_idx == 9,
           "to_device() changes where the batch is from");
    Batch unlabelled = batch;
    unlabelled.labels.reset();
    expect(!strategy->to_device(unlabelled).labels.defined(), "to_device() makes labels where there are none");
}

void backward_adds_gradients(const Subject& subject) {
    const auto strategy = connected(subject);
    const at::Tensor weight = uniform(74, {4});
    weight.requires_grad_();
    const std::vector<NamedTensor> tensors{{"weight", weight, true}};
    strategy->setup(tensors);
    strategy->backward(weight.square().sum(), GradientSync::now);
    expect_close(weight.grad(), weight.detach().mul(2.0), 1e-6, "the gradient of w² and 2 w");
    strategy->backward(weight.square().sum(), GradientSync::later);
    strategy->backward(weight.square().sum(), GradientSync::now);
    expect_close(weight.grad(), weight.detach().mul(6.0), 1e-5, "the gradient after three backward passes and 6 w");
}

void reduce_of_one_is_itself(const Subject& subject) {
    const auto strategy = connected(subject);
    for (const Reduction how : {Reduction::mean, Reduction::sum, Reduction::min, Reduction::max}) {
        const at::Tensor value = at::full({}, 2.5);
        expect_close(strategy->reduce(value, how), at::full({}, 2.5), 0.0, "reduce() in a group of one");
    }
}

void the_group_ends_in_order(const Subject& subject) {
    Plugin plugin = subject.plugin();
    const auto strategy = plugin.make<Strategy>(subject.note().id, subject.config());
    strategy->connect(c10::Device(c10::kCPU));
    strategy->barrier();
    strategy->teardown();
    expect_balanced(plugin.host());
}

}  // namespace

void check_strategy(const Subject& subject, Checks& check) {
    check("strategy.knows_its_place", [&] { knows_its_place(subject); });
    check("strategy.setup_keeps_values_and_handles", [&] { setup_keeps_values_and_handles(subject); });
    check("strategy.to_device_keeps_the_batch", [&] { to_device_keeps_the_batch(subject); });
    check("strategy.backward_adds_gradients", [&] { backward_adds_gradients(subject); });
    check("strategy.reduce_of_one_is_itself", [&] { reduce_of_one_is_itself(subject); });
    check("strategy.the_group_ends_in_order", [&] { the_group_ends_in_order(subject); });
}

}  // namespace dv::testing

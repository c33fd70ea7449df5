// Three training steps of DynVision 0.1.0 (dd24be4) with an activity loss, in float64 on one thread: DyRCNNx2 at 16 pixels, filled
// with golden::fill()'s rule, labels [1, 3], Adam with L2 and three groups of rates. The plugins are the real ones, and so is the
// host's weighted sum; the activity loss starts with empty accumulators.

#include "compose/weighted_loss.hpp"
#include "tests/golden.hpp"

#include <dv/torch/optimizer.hpp>

#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

namespace {

using dv::testing::Config;
using dv::testing::list;
using dv::testing::Plugin;

Plugin beside(const char* name) { return Plugin(std::filesystem::path(DV_PLUGIN_UNDER_TEST).parent_path() / name); }

std::shared_ptr<dv::Optimizer> adam() {
    return beside("adam.so").make<dv::Optimizer>(
        "adam", {{"lr", 0.01},
                 {"weight_decay", 5e-4},
                 {"groups", list(Config{{"name", "recurrence"}, {"match", "*.recurrence.*"}, {"lr_factor", 0.2}},
                                 Config{{"name", "feedback"}, {"match", "addfeedback_*"}, {"lr_factor", 0.5}})}});
}

at::Tensor norm_of(const std::vector<dv::NamedTensor>& gradients_of) {
    at::Tensor squares = at::tensor(0.0, at::kDouble);
    for (const dv::NamedTensor& p : gradients_of) {
        if (p.tensor.grad().defined()) squares = squares.add(p.tensor.grad().pow(2).sum());
    }
    return squares.sqrt();
}

TEST(ActivityLossGolden, TrainsAsDynVisionDoes) {
    const auto model = golden::filled(golden::plugin(DV_PLUGIN_UNDER_TEST), "dyrcnn_x2",
                                      {{"n_timesteps", 8}, {"loss_reaction_time", 4.0}}, 16);
    const auto parameters = model->parameters();
    dv::testing::Host host;
    const auto activity =
        beside("activity.so")
            .make<dv::Loss>("activity",
                            {{"monitor", list(Config{{"at", "tstep"}, {"layers", "*"}, {"mode", "absolute"}})}});
    const dvhost::compose::WeightedLoss loss(
        {{beside("cross_entropy.so").make<dv::Loss>("cross_entropy"), 1.0, "cross_entropy"},
         {activity, 0.1, "activity"}},
        *host.for_component("test", "test.loss", "loss"));
    const auto optimizer = adam();
    std::vector<dv::NamedTensor> trained;
    for (const dv::NamedTensor& p : parameters) {
        if (p.trainable) trained.push_back(p);
    }
    optimizer->build(trained);
    std::map<std::string, std::size_t> sizes;
    for (const dv::ParameterGroup& group : optimizer->groups()) sizes[group.name] = group.parameters.size();
    EXPECT_EQ(sizes, (std::map<std::string, std::size_t>{{"regular", 8}, {"recurrence", 4}}));

    dv::Batch batch;
    batch.frames = dv::Sequence::of(golden::image(2, 16));
    batch.labels = at::tensor({1, 3}, at::kLong);
    model->train(true);
    std::vector<at::Tensor> losses, norms, accuracies, guess_confidences, label_confidences;
    for (int step = 0; step < 3; ++step) {
        optimizer->zero_grad();
        const dv::StepOutput out = model->training_step(batch, loss);
        out.loss.backward();
        losses.push_back(out.loss.detach());
        norms.push_back(norm_of(trained));
        const at::Tensor probability = out.outputs.detach().softmax(-1), scored = out.labels.ge(0);
        const at::Tensor first = batch.labels.view({2, 1, 1}).expand({2, probability.size(1), 1});
        accuracies.push_back(
            probability.argmax(-1).eq(out.labels).logical_and(scored).sum().to(at::kDouble).div(scored.sum()));
        guess_confidences.push_back(std::get<0>(probability.max(-1)).mean());
        label_confidences.push_back(probability.gather(-1, first).mean());
        if (step == 0) {
            const std::map<std::string, std::string> sums{{"layer1.conv.weight", "3.1689658"},
                                                          {"layer1.conv.bias", ".165288744"},
                                                          {"layer1.recurrence.conv.weight", "1.11105863"},
                                                          {"layer1.recurrence.conv.bias", ".0676128833"},
                                                          {"layer2.conv.weight", "6.63920976"},
                                                          {"layer2.conv.bias", ".440018618"},
                                                          {"layer2.recurrence.conv.weight", "8.3646078"},
                                                          {"layer2.recurrence.conv.bias", ".289689741"},
                                                          {"addskip_layer2.conv.weight", ".498684335"},
                                                          {"addskip_layer2.conv.bias", ".440018618"},
                                                          {"classifier.2.weight", "20.0011801"},
                                                          {"classifier.2.bias", ".962412317"}};
            for (const dv::NamedTensor& p : trained)
                golden::expect_printed(p.tensor.grad().abs().sum(), sums.at(p.name), p.name);
        }
        optimizer->step();
    }
    const std::vector<double> expected = golden::numbers("1.37966001 1.23525417 .980797052");
    for (std::size_t i = 0; i < 3; ++i)
        EXPECT_NEAR(losses[i].item<double>(), expected[i], 1e-6) << i;  // the original rounds to float32
    golden::expect_printed(at::stack(norms), "1.49397142 1.48573128 1.12075796", "gradient norm");
    golden::expect_printed(at::stack(accuracies), ".416667 .5 .583333", "accuracy");
    golden::expect_printed(at::stack(guess_confidences), ".272457746 .44665713 .378531672", "guess confidence");
    golden::expect_printed(at::stack(label_confidences), ".257192515 .322531194 .364872871", "label confidence");
}

}  // namespace

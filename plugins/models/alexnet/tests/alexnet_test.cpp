#include "tests/golden.hpp"

#include <ATen/ops/ones.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace {

using dv::testing::Config;
using dv::testing::list;

dv::testing::Plugin plugin() { return golden::plugin(DV_PLUGIN_UNDER_TEST); }

const Config kSmall{{"first_stride", 1}, {"hidden", list(16, 12)}, {"n_timesteps", 3}};

TEST(Alexnet, HasTorchvisionsParameters) {
    auto model = plugin().make<dv::Model>("alexnet");
    model->build({.n_frames = 1, .channels = 3, .height = 224, .width = 224, .n_classes = 1000});
    std::map<std::string, std::vector<std::int64_t>> shapes;
    std::int64_t n = 0;
    for (const dv::NamedTensor& p : model->parameters()) {
        if (!p.trainable) continue;
        shapes[p.name] = p.tensor.sizes().vec();
        n += p.tensor.numel();
    }
    EXPECT_EQ(n, 61100840);
    EXPECT_EQ(shapes.size(), 16u);
    EXPECT_EQ(shapes["layer1.conv.weight"], (std::vector<std::int64_t>{64, 3, 11, 11}));
    EXPECT_EQ(shapes["layer5.conv.bias"], (std::vector<std::int64_t>{256}));
    EXPECT_EQ(shapes["classifier.2.weight"], (std::vector<std::int64_t>{4096, 9216}));
    EXPECT_EQ(shapes["classifier.5.weight"], (std::vector<std::int64_t>{4096, 4096}));
    EXPECT_EQ(shapes["classifier.7.weight"], (std::vector<std::int64_t>{1000, 4096}));
}

TEST(Alexnet, WithoutRecurrenceEveryStepAnswersAlike) {
    auto model = plugin().make<dv::Model>("alexnet", kSmall);
    model->build({.n_frames = 1, .channels = 3, .height = 32, .width = 32, .n_classes = 4});
    model->train(false);
    const at::Tensor out = model->forward_sequence(dv::Sequence::of(golden::image(2, 32).to(at::kFloat)).shown_for(3));
    EXPECT_TRUE(out.select(1, 0).allclose(out.select(1, 2), 1e-5, 1e-7));
    EXPECT_FALSE(out.select(0, 0).equal(out.select(0, 1)));
}

TEST(Alexnet, DropsInputsInTrainingOnlyAndTheSameOnesForABatch) {
    struct Sum final : dv::Loss {
        at::Tensor value(const at::Tensor& outputs, const at::Tensor&) const override { return outputs.sum(); }
    };
    auto model = plugin().make<dv::Model>("alexnet", kSmall);
    model->build({.n_frames = 1, .channels = 3, .height = 32, .width = 32, .n_classes = 4});
    dv::Batch batch;
    batch.frames = dv::Sequence::of(golden::image(2, 32).to(at::kFloat));
    batch.labels = at::ones({2}, at::kLong);
    const auto outputs = [&](std::int64_t batch_idx) {
        batch.batch_idx = batch_idx;
        return model->training_step(batch, Sum()).outputs.detach();
    };
    model->train(false);
    const at::Tensor whole = outputs(0);
    EXPECT_TRUE(outputs(1).equal(whole));
    model->train(true);
    const at::Tensor dropped = outputs(0);
    EXPECT_FALSE(dropped.equal(whole));
    EXPECT_FALSE(outputs(1).equal(dropped));
    EXPECT_TRUE(outputs(0).equal(dropped));
}

TEST(Alexnet, RefusesFramesThatAreTooSmallForIt) {
    auto model = plugin().make<dv::Model>("alexnet");
    try {
        model->build({.n_frames = 1, .channels = 3, .height = 32, .width = 32, .n_classes = 10});
        FAIL() << "32 x 32 frames were accepted";
    } catch (const dv::ComponentError& error) {
        EXPECT_THAT(error.text, testing::HasSubstr("'layer.4' (layer5) does not fit"));
    }
}

}  // namespace

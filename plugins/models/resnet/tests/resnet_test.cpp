#include "tests/golden.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace {

using dv::testing::Config;

std::shared_ptr<dv::Model> built(const char* variant, std::int64_t size, std::int64_t n_classes) {
    auto model = golden::plugin(DV_PLUGIN_UNDER_TEST).make<dv::Model>(variant, {{"n_timesteps", 4}});
    model->build({.n_frames = 1, .channels = 3, .height = size, .width = size, .n_classes = n_classes});
    return model;
}

std::int64_t trainable(const char* variant, std::int64_t size, std::int64_t n_classes) {
    std::int64_t n = 0;
    for (const dv::NamedTensor& p : built(variant, size, n_classes)->parameters())
        n += p.trainable ? p.tensor.numel() : 0;
    return n;
}

TEST(Resnet, HasAsManyParametersAsTorchvisions) {
    EXPECT_EQ(trainable("resnet18", 64, 1000), 11689512);
    EXPECT_EQ(trainable("resnet34", 64, 1000), 21797672);
    EXPECT_EQ(trainable("resnet50", 64, 1000), 25557032);
    EXPECT_EQ(trainable("resnet101", 64, 1000), 44549160);
    EXPECT_EQ(trainable("resnet152", 64, 1000), 60192808);
}

// He et al. (2016), table 6, with convolutions around the blocks that change size: 2752 parameters more than with
// padding.
TEST(Resnet, HasAsManyParametersAsThoseForCifar) {
    EXPECT_EQ(trainable("resnet20", 32, 10), 272474);
    EXPECT_EQ(trainable("resnet32", 32, 10), 466906);
    EXPECT_EQ(trainable("resnet44", 32, 10), 661338);
    EXPECT_EQ(trainable("resnet56", 32, 10), 855770);
    EXPECT_EQ(trainable("resnet110", 32, 10), 1730714);
    EXPECT_EQ(trainable("resnet1202", 32, 10), 19424026);
}

TEST(Resnet, NamesItsParametersAsTorchvisionDoes) {
    std::vector<std::string> names;
    for (const dv::NamedTensor& p : built("resnet50", 64, 10)->parameters()) names.push_back(p.name);
    EXPECT_EQ(names.size(), 320u);  // torchvision's state dict
    EXPECT_THAT(names, testing::IsSupersetOf({"conv1.weight", "bn1.running_mean", "bn1.num_batches_tracked",
                                              "layer1.0.conv3.weight", "layer1.0.downsample.0.weight",
                                              "layer4.2.bn3.running_var", "fc.bias"}));
}

TEST(Resnet, EvaluatesAFrameOnceAndAnswersForItAtEveryStep) {
    const at::NoGradGuard values_only;
    const auto model = built("resnet20", 32, 4);
    dv::Sequence sequence =
        dv::Sequence::of(at::cat({golden::image(2, 32), golden::image(2, 32).mul(0.5)}, 1).to(at::kFloat));
    sequence.schedule = {0, 1, dv::Sequence::kBlank, 0};
    const at::Tensor out = model->forward_sequence(sequence);
    EXPECT_EQ(out.sizes(), (at::IntArrayRef{2, 4, 4}));
    EXPECT_TRUE(out.select(1, 0).equal(out.select(1, 3)));
    EXPECT_FALSE(out.select(1, 0).allclose(out.select(1, 1)));
    EXPECT_TRUE(
        out.select(1, 2).select(0, 0).allclose(out.select(1, 2).select(0, 1)));  // blank: the same for all samples
    const at::Tensor alone = model->forward_sequence(dv::Sequence::of(sequence.frames.narrow(1, 1, 1)));
    EXPECT_TRUE(out.select(1, 1).allclose(alone.select(1, 0), 1e-4, 1e-5));
}

TEST(Resnet, FollowsTheBatchStatisticsInTraining) {
    const auto model = built("resnet20", 32, 4);
    std::map<std::string, at::Tensor> tensors;
    for (const dv::NamedTensor& p : model->parameters()) tensors[p.name] = p.tensor;
    const dv::Sequence shown = dv::Sequence::of(golden::image(3, 32).to(at::kFloat)).shown_for(4);
    model->train(false);
    model->forward_sequence(shown);
    EXPECT_EQ(tensors["bn1.num_batches_tracked"].item<std::int64_t>(), 0);
    EXPECT_TRUE(tensors["bn1.running_mean"].eq(0).all().item<bool>());
    model->train(true);
    model->forward_sequence(shown);
    EXPECT_EQ(tensors["bn1.num_batches_tracked"].item<std::int64_t>(), 1);
    EXPECT_FALSE(tensors["bn1.running_mean"].eq(0).all().item<bool>());
}

TEST(Resnet, RecordsItsStages) {
    const auto model = built("resnet18", 64, 4);
    const auto layers = model->layers();
    ASSERT_EQ(layers.size(), 4u);
    struct Shapes final : dv::temporal::Recorder {
        std::map<std::size_t, std::vector<std::int64_t>> found;
        bool wants(std::size_t, std::int64_t t) const override { return t == 2; }
        void record(std::size_t layer, std::int64_t, const at::Tensor& r) override { found[layer] = r.sizes().vec(); }
    } recorder;
    model->record(&recorder);
    model->forward_sequence(dv::Sequence::of(golden::image(2, 64).to(at::kFloat)).shown_for(4));
    model->record(nullptr);
    for (std::size_t l = 0; l < 4; ++l) {
        EXPECT_EQ(recorder.found[l],
                  (std::vector<std::int64_t>{2, layers[l].channels, layers[l].height, layers[l].width}));
    }
    EXPECT_EQ(layers[3].channels, 512);
    EXPECT_EQ(layers[3].height, 2);
}

}  // namespace

#include "tests/golden.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

dv::testing::Plugin plugin() { return golden::plugin(DV_PLUGIN_UNDER_TEST); }

// DynVision 0.1.0 (dd24be4) without pretrained weights, its fixed self weights filled as its other parameters.
TEST(CornetRt, IsDynVisions) {
    const auto model = golden::filled(plugin(), "cornet_rt", {}, 64);
    for (const auto plan : {dv::EnginePlan::reference, dv::EnginePlan::fast}) {
        model->set_plan(plan);
        const at::Tensor out = model->forward_sequence(dv::Sequence::of(golden::image(2, 64)).shown_for(5));
        golden::expect_printed(out.select(0, 0).select(1, 0),
                               "-.0782303518 -.257769931 -.258539637 -.261445634 -.261535457", "output[0, t, 0]");
        golden::expect_printed(out.sum(), "-1.14523075498", "sum");
    }
}

TEST(CornetRt, HasItsParametersAndNames) {
    EXPECT_EQ(golden::count(plugin(), "cornet_rt", {}, 64, 1000), 5208940);
    auto model = plugin().make<dv::Model>("cornet_rt");
    model->build({.n_frames = 1, .channels = 3, .height = 64, .width = 64, .n_classes = 10});
    std::vector<std::string> names;
    for (const dv::NamedTensor& p : model->parameters()) {
        names.push_back(p.name);
        if (!p.name.ends_with(".recurrence.weight")) continue;
        EXPECT_FALSE(p.trainable) << p.name;
        EXPECT_EQ(p.tensor.item<double>(), 1.0) << p.name;
    }
    EXPECT_THAT(names, testing::IsSupersetOf({"V1.conv.bias", "V1.mid_modules.weight", "V1.conv2.weight",
                                              "V1.recurrence.weight", "norm_V1.bias", "IT.conv.weight",
                                              "classifier.2.weight"}));
    EXPECT_THAT(names, testing::Not(testing::Contains("V1.conv2.bias")));
}

TEST(CornetRt, AnswersFromTheFirstStepAndSeesTheImageInTheFourth) {
    const auto model = golden::filled(plugin(), "cornet_rt", {}, 64);
    for (const dv::NamedTensor& p : model->parameters()) {
        if (p.name == "n_residual_timesteps") {
            EXPECT_EQ(p.tensor.item<std::int32_t>(), 0);
        }
    }
    const at::Tensor image = golden::image(1, 64);
    const at::Tensor one = model->forward_sequence(dv::Sequence::of(image).shown_for(5));
    const at::Tensor other = model->forward_sequence(dv::Sequence::of(image.neg()).shown_for(5));
    for (std::int64_t t = 0; t < 5; ++t) {
        EXPECT_EQ(one.select(1, t).equal(other.select(1, t)), t < 3) << "step " << t;
    }
}

}  // namespace

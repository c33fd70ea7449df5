#include "tests/golden.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace {

using dv::testing::Config;

dv::testing::Plugin plugin() { return golden::plugin(DV_PLUGIN_UNDER_TEST); }

// DynVision 0.1.0 (dd24be4) without pretrained weights, its normalised weights evaluated as g v / |v|.
TEST(Cordsnet, IsDynVisions) {
    const auto model = golden::filled(plugin(), "cordsnet", {{"n_timesteps", 6}, {"idle_timesteps", 0}}, 64);
    for (const auto plan : {dv::EnginePlan::reference, dv::EnginePlan::fast}) {
        golden::LayerMeans means;
        model->set_plan(plan);
        model->record(&means);
        const at::Tensor out = model->forward_sequence(dv::Sequence::of(golden::image(2, 64)).shown_for(6));
        model->record(nullptr);
        golden::expect_printed(out.select(0, 0).select(1, 0),
                               ".0274348117 .0338828632 .0394137287 .0437511092 .0476670873 .0512665905",
                               "output[0, t, 0]");
        golden::expect_printed(out.sum(), "1.0443702578", "sum");
        means.expect(0, ".101681197 .101681197 .101681197 .101681197 .101681197 .101681197");
        means.expect(1, ".00404185969 .00729973897 .00996012855 .0121678374 .0140256039 .0156187888");
        means.expect(4, ".00795697074 .0145613199 .0205186814 .0263067447 .0324648024 .0399371425");
        means.expect(8, ".0318579963 .057966076 .0802475124 .0999317218 .117903819 .135026826");
    }
}

TEST(Cordsnet, BothPlansGiveTheSameGradients) {
    const auto model = golden::filled(plugin(), "cordsnet", {{"n_timesteps", 5}, {"idle_timesteps", 1}}, 32);
    const dv::Sequence shown = dv::Sequence::of(golden::image(2, 32)).shown_for(5);
    std::vector<at::Tensor> expected;
    for (const auto plan : {dv::EnginePlan::reference, dv::EnginePlan::fast}) {
        model->set_plan(plan);
        for (const dv::NamedTensor& p : model->parameters()) p.tensor.mutable_grad().reset();
        model->forward_sequence(shown).pow(2).sum().backward();
        std::size_t i = 0;
        for (const dv::NamedTensor& p : model->parameters()) {
            if (!p.tensor.grad().defined()) continue;
            const at::Tensor gradient = p.tensor.grad().clone();
            if (plan == dv::EnginePlan::reference) {
                expected.push_back(gradient);
                continue;
            }
            const double scale = expected.at(i).abs().max().item<double>();
            EXPECT_LT(gradient.sub(expected.at(i)).abs().max().item<double>(), 1e-10 * std::max(scale, 1e-3)) << p.name;
            ++i;
        }
    }
}

TEST(Cordsnet, HasItsParametersAndNames) {
    EXPECT_EQ(golden::count(plugin(), "cordsnet", {}, 224, 1000), 12475288);
    auto model = plugin().make<dv::Model>("cordsnet");
    model->build({.n_frames = 1, .channels = 3, .height = 64, .width = 64, .n_classes = 10});
    std::vector<std::string> names;
    for (const dv::NamedTensor& p : model->parameters()) names.push_back(p.name);
    EXPECT_THAT(names, testing::IsSupersetOf(
                           {"layer0.conv.parametrizations.weight.original0",
                            "layer1.recurrence.conv.parametrizations.weight.original1", "addbias_layer8.bias",
                            "addskip_layer2.conv.parametrizations.weight.original0",
                            "classifier.3.parametrizations.weight.original1", "classifier.3.bias", "tau_layer1"}));
    for (const std::string& name : names) {
        EXPECT_FALSE(name.starts_with("addskip_layer3") || name.starts_with("addbias_layer0") ||
                     name.starts_with("tau_layer0"))
            << name;
    }
}

TEST(Cordsnet, NormalisedWeightsAreMadeAnewForEachRun) {
    const auto model = golden::filled(plugin(), "cordsnet", {{"n_timesteps", 3}, {"idle_timesteps", 1}}, 32);
    const dv::Sequence shown = dv::Sequence::of(golden::image(1, 32)).shown_for(3);
    const at::Tensor before = model->forward_sequence(shown).detach();
    for (const dv::NamedTensor& p : model->parameters()) {
        if (p.name.ends_with("original1")) p.tensor.set_data(p.tensor.detach().mul(3.0));
    }
    EXPECT_TRUE(model->forward_sequence(shown).detach().allclose(before, 1e-12, 1e-14));  // v's length does not count
    for (const dv::NamedTensor& p : model->parameters()) {
        if (p.name == "layer8.recurrence.conv.parametrizations.weight.original0") p.tensor.data().mul_(3.0);
    }
    EXPECT_FALSE(model->forward_sequence(shown).detach().allclose(before));  // its norm does
}

}  // namespace

// The parts that layers may have, as a manifest asks for them.

#include "built.hpp"
#include "operations.hpp"

#include <dv/testing/torch.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

namespace {

using namespace built;
using testing::Contains;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

Config operations(std::initializer_list<const char*> names) {
    dv::testing::Value::List list;
    for (const char* name : names) list.emplace_back(name);
    return {{"operations", list}};
}

at::Tensor outputs(const Built& network, const dv::Sequence& frames) {
    return network.model->forward_sequence(frames).detach();
}

void expect_equal(const at::Tensor& found, const at::Tensor& expected) {
    EXPECT_LT(found.sub(expected).abs().max().item<double>(),
              1e-5 * std::max(1.0, expected.abs().max().item<double>()));
}

/// Gives all parameters of one network the values of another's that has them under the same names.
void copy(const Built& from, const Built& to) {
    for (const dv::NamedTensor& p : to.model->parameters()) {
        if (p.trainable) p.tensor.data().copy_(from.parameter(p.name).tensor);
    }
}

/// What the network says when it runs; empty when it does not complain.
std::string complaint(const Built& network, const dv::Sequence& frames) {
    try {
        network.model->forward_sequence(frames);
    } catch (const dv::ComponentError& error) {
        return error.text;
    }
    return "";
}

// ---- Bias, norm, gain -----------------------------------------------------------------------------------------------

TEST(Bias, IsOnePerUnitPerChannelOrOne) {
    const auto shape = [](const char* type) {
        const Built built(with(small({{"bias", Config{{"type", type}}}}),
                               operations({"layer", "addbias", "nonlin", "tstep", "record", "delay"})));
        return built.parameter("addbias_V4.bias").tensor.sizes().vec();
    };
    EXPECT_EQ(shape("spatial"), (std::vector<std::int64_t>{3, 8, 8}));
    EXPECT_EQ(shape("feature"), (std::vector<std::int64_t>{3, 1, 1}));
    EXPECT_EQ(shape("scalar"), (std::vector<std::int64_t>{}));
}

TEST(Bias, MayDifferByLayerAndStayUntrained) {
    const Config none{{"bias", Config{{"type", "none"}}}};
    const Config fixed{{"bias", Config{{"type", "scalar"}, {"trainable", false}}}};
    const Built built(with(small({{"layer", list(layer("A", 2, none), layer("B", 2, fixed))}, {"bias", Config{}}}),
                           operations({"layer", "addbias", "tstep", "nonlin", "record", "delay"})));
    EXPECT_THAT(built.names(), Not(Contains("addbias_A.bias")));
    EXPECT_FALSE(built.parameter("addbias_B.bias").trainable);
}

TEST(Bias, AnswersBeforeAnythingArrives) {
    const Built built(with(small({{"bias", Config{{"type", "scalar"}}}, {"t_feedforward", 2.0}, {"n_timesteps", 5}}),
                           operations({"layer", "addbias", "tstep", "record", "delay"})));
    EXPECT_EQ(built.parameter("n_residual_timesteps").tensor.item<std::int32_t>(), 1);  // V4's own bias, one step late
}

TEST(Norm, HasAScaleAndAShiftPerChannelAndGroupsThatDivide) {
    const Config norm{{"norm", Config{{"groups", 1}}}};
    const Config order = operations({"layer", "norm", "tstep", "nonlin", "record", "delay"});
    EXPECT_THAT(Built(with(small(norm), order)).names(), IsSupersetOf({"norm_V1.weight", "norm_V4.bias"}));
    EXPECT_THAT(refusal(with(small({{"norm", Config{{"groups", 2}}}}), order)), HasSubstr("2 groups of 3 channels"));
    EXPECT_THAT(refusal(with(small({{"norm", Config{{"groups", 2}}}}), order)), HasSubstr("V4"));
}

TEST(Norm, OfAGroupHasZeroMeanAndUnitVariance) {
    dv::Parameters weights;
    const auto map = rcnn::norm_map({.groups = 2}, "norm", {4, 5, 5}, weights);
    const at::Tensor y =
        dv::temporal::applied(*map, noise(2, 1).frames.select(1, 0).expand({2, 4, 8, 8}).mul(3).add(1));
    const at::Tensor groups = y.reshape({2, 2, -1});
    EXPECT_LT(groups.mean(-1).abs().max().item<double>(), 1e-5);
    EXPECT_NEAR(groups.var(-1, /*unbiased=*/false).min().item<double>(), 1.0, 1e-3);
}

// Heeger (1992): alone, a unit follows the Naka-Rushton function; among others, it is divided by their mean.
TEST(Norm, DivisiveIsNakaRushtons) {
    dv::Parameters weights;
    rcnn::NormSettings settings{
        .type = rcnn::NormSettings::Type::divisive, .exponent = 2.0, .sigma = 0.5, .maximum = 3.0};
    const auto map = rcnn::norm_map(settings, "norm", {1, 1, 1}, weights);
    for (const double c : {0.1, 0.5, 1.0, 100.0}) {
        const double y = dv::temporal::applied(*map, at::full({1, 1, 1, 1}, c, at::kDouble)).item<double>();
        EXPECT_NEAR(y, 3.0 * c * c / (0.25 + c * c), 1e-12);
    }
    EXPECT_EQ(dv::temporal::applied(*map, at::full({1, 1, 1, 1}, -2.0, at::kDouble)).item<double>(), 0.0);
    const at::Tensor two = dv::testing::tensor({1.0, 3.0}, {1, 2, 1, 1}, at::kDouble);
    EXPECT_NEAR(dv::temporal::applied(*map, two)[0][1][0][0].item<double>(), 3.0 * 9.0 / (0.25 + 5.0), 1e-12);
    EXPECT_TRUE(weights.all().empty());
}

TEST(Norm, DivisiveLooksAroundAUnit) {
    dv::Parameters weights;
    rcnn::NormSettings settings{.type = rcnn::NormSettings::Type::divisive, .window = 3, .exponent = 1.0};
    const auto map = rcnn::norm_map(settings, "norm", {1, 3, 3}, weights);
    const at::Tensor y = dv::temporal::applied(*map, at::ones({1, 1, 3, 3}, at::kDouble));
    EXPECT_NEAR(y[0][0][1][1].item<double>(), 1.0 / 2.0, 1e-12);
    EXPECT_NEAR(y[0][0][0][0].item<double>(), 1.0 / (1.0 + 4.0 / 9.0), 1e-12);
    settings.window = 2;
    EXPECT_THROW(rcnn::norm_map(settings, "norm", {1, 3, 3}, weights), dv::Error);
}

TEST(MidNorm, SitsBetweenTheConvolutions) {
    const Config two{{"conv2", Config{{"channels", 4}}}, {"mid_norm", Config{{"groups", 1}}}};
    EXPECT_THAT(Built(small({{"layer", list(layer("V1", 2, two))}})).names(),
                IsSupersetOf({"V1.mid_modules.weight", "V1.mid_modules.bias"}));
}

TEST(Gain, MultipliesChannelsByOnePlusBetaTimesTuning) {
    const auto network = [](const Config& gain) {
        return small({{"layer", list(layer("V1", 2, gain))},
                      {"operations", list("layer", "gain", "record", "delay")},
                      {"recurrence", Config{{"type", "none"}}},
                      {"readout", "flatten"}});
    };
    const Built with_gain(network({{"gain", Config{{"beta", 0.5}, {"tuning", list(2.0, -1.0)}}}})),
        without(network({{"gain", Config{{"beta", 0.0}}}}));
    copy(without, with_gain);
    struct Keep final : dv::temporal::Recorder {
        at::Tensor kept;
        bool wants(std::size_t, std::int64_t) const override { return true; }
        void record(std::size_t, std::int64_t, const at::Tensor& r) override { kept = r.clone(); }
    } attended, plain;
    with_gain.model->record(&attended);
    without.model->record(&plain);
    outputs(with_gain, noise(2, 1));
    outputs(without, noise(2, 1));
    expect_equal(attended.kept.select(1, 0), plain.kept.select(1, 0).mul(2.0));
    expect_equal(attended.kept.select(1, 1), plain.kept.select(1, 1).mul(0.5));
    EXPECT_THAT(refusal(network({{"gain", Config{{"tuning", list(1.0)}}}})),
                HasSubstr("tuning of 1 values for 2 channels"));
}

TEST(Adaptation, LowersWhatLasts) {
    const auto network = [](const Config& changes) {
        return with(with(small(changes), operations({"layer", "adapt", "nonlin", "record", "delay"})),
                    {{"recurrence", Config{{"type", "none"}}}, {"layer", list(layer("V1", 2))}, {"n_timesteps", 12}});
    };
    const Built adapting(network({{"adaptation", Config{}}})), plain(network({{"adaptation", Config{{"beta", 0.0}}}}));
    copy(plain, adapting);
    struct Size final : dv::temporal::Recorder {
        std::vector<double> mean;
        bool wants(std::size_t, std::int64_t) const override { return true; }
        void record(std::size_t, std::int64_t, const at::Tensor& r) override {
            mean.push_back(r.mean().item<double>());
        }
    } sizes;
    adapting.model->record(&sizes);
    outputs(adapting, noise(1, 1).shown_for(12));
    for (std::size_t t = 1; t < sizes.mean.size(); ++t) EXPECT_LT(sizes.mean[t], sizes.mean[t - 1]);
    EXPECT_FALSE(adapting.parameter("adapt_V1.alpha").trainable);
    const Built per_channel(network({{"adaptation", Config{{"per_channel", true}, {"trainable", true}}}}));
    EXPECT_EQ(per_channel.parameter("adapt_V1.beta").tensor.sizes(), (at::IntArrayRef{2, 1, 1}));
    EXPECT_TRUE(per_channel.parameter("adapt_V1.beta").trainable);
}

TEST(Operations, AndTheirPartsNeedEachOther) {
    EXPECT_THAT(refusal(small({{"norm", Config{}}})), HasSubstr("'operations' lacks 'norm', which 'norm' acts in"));
    EXPECT_THAT(refusal(small({{"layer", list(layer("V1", 2, {{"adaptation", Config{}}}))}})),
                HasSubstr("lacks 'adapt'"));
    EXPECT_THAT(refusal(with(small(), operations({"layer", "gain", "tstep", "record", "delay"}))),
                HasSubstr("'operations' has 'gain', but neither the model nor a layer has the part 'gain'"));
}

// ---- Before the first layer -----------------------------------------------------------------------------------------

TEST(Retina, StandsBeforeTheFirstLayer) {
    const Built built(small({{"use_retina", true}}));
    EXPECT_EQ(built.parameter("retina.conv1.weight").tensor.sizes(), (at::IntArrayRef{36, 1, 9, 9}));
    EXPECT_EQ(built.parameter("retina.conv2.weight").tensor.sizes(), (at::IntArrayRef{18, 36, 9, 9}));
    EXPECT_EQ(built.parameter("V1.conv.weight").tensor.size(1), 18);
    EXPECT_NEAR(built.parameter("retina.conv1.weight").tensor.std().item<double>(), std::sqrt(2.0 / (36 * 81)), 0.002);
    EXPECT_THAT(built.model->describe(), HasSubstr("in = conv9x9(relu(conv9x9(frame))): 18 x 8 x 8"));
}

TEST(InputAdaptation, ShowsWhatHasAccumulated) {
    const Config config =
        small({{"operations", list("layer", "nonlin", "record", "delay")}, {"recurrence", Config{{"type", "none"}}}});
    const Built plain(config), adapting(with(config, {{"input_adaption_weight", 0.5}}));
    const Built of_dynvision(with(config, {{"input_adaption_weight", 0.5}, {"compat", "dynvision-0.1"}}));
    copy(plain, adapting);
    copy(plain, of_dynvision);
    const at::Tensor frame = noise(1, 1).frames.select(1, 0);
    const auto sequence = [&](std::initializer_list<double> factors) {
        at::Tensor all = at::zeros({1, 4, 1, 8, 8});
        std::int64_t t = 0;
        for (const double factor : factors) all.select(1, t++).copy_(frame.mul(factor));
        return dv::Sequence::of(all);
    };
    const dv::Sequence shown = sequence({1, 5, 7, 9});
    expect_equal(outputs(adapting, shown), outputs(plain, sequence({1, 5.5, 9.75, 13.875})));
    expect_equal(outputs(of_dynvision, shown), outputs(plain, sequence({1, 0.5, 0.25, 0.125})));
}

TEST(Channels, AreRepeatedFilledOrCutOnRequest) {
    EXPECT_THAT(refusal(small({{"input_channels", 3}})),
                HasSubstr("'input_channels' is 3, but the data has 1 channels"));
    const Built repeated(small({{"input_channels", 3}, {"expand_channels", true}}));
    EXPECT_EQ(repeated.parameter("V1.conv.weight").tensor.size(1), 3);
    EXPECT_EQ(outputs(repeated, noise(2, 1)).sizes(), (at::IntArrayRef{2, 1, 3}));
    const at::Tensor x = noise(1, 1).frames.select(1, 0);
    const at::Tensor three = dv::temporal::applied(rcnn::channel_map(3), x);
    EXPECT_TRUE(three.select(1, 2).equal(x.select(1, 0)));
    const at::Tensor two = three.narrow(1, 0, 2);
    EXPECT_TRUE(dv::temporal::applied(rcnn::channel_map(4), two).select(1, 3).eq(0).all().item<bool>());
    EXPECT_EQ(dv::temporal::applied(rcnn::channel_map(2), three).size(1), 2);
}

// ---- Nonlinearities and dynamics ------------------------------------------------------------------------------------

TEST(Nonlinearity, MayBeTheIdentityInALayer) {
    const Built built(small({{"layer", list(layer("A", 2, {{"nonlin", "identity"}}), layer("B", 2))}}));
    const std::string text = built.model->describe();
    EXPECT_THAT(text, HasSubstr("    h = r\n"));
    EXPECT_THAT(text, HasSubstr("    h = relu(r)\n"));
}

TEST(Supralinearity, IsTrainedOnRequest) {
    const Built fixed(small({{"supralinearity", 1.5}})),
        trained(small({{"supralinearity", 1.5}, {"train_supralinearity", true}}));
    EXPECT_FALSE(fixed.parameter("supralin.n").trainable);
    EXPECT_FLOAT_EQ(fixed.parameter("supralin.k").tensor.item<float>(), 0.8f);
    copy(fixed, trained);
    expect_equal(outputs(trained, noise(2, 3)), outputs(fixed, noise(2, 3)));
    trained.model->forward_sequence(noise(2, 3)).pow(2).sum().backward();
    EXPECT_NE(trained.parameter("supralin.k").tensor.grad().item<float>(), 0.0f);
    EXPECT_NE(trained.parameter("supralin.n").tensor.grad().item<float>(), 0.0f);
}

TEST(SoftTau, StaysAboveItsLeastValue) {
    const Built built(small({{"train_tau", true}, {"tau_param", "softplus"}, {"tau", 5.0}}));
    const Built raw(small({{"tau", 5.0}}));
    copy(raw, raw);
    for (const dv::NamedTensor& p : built.model->parameters()) {
        if (p.trainable && !p.name.starts_with("tau_")) p.tensor.data().copy_(raw.parameter(p.name).tensor);
    }
    expect_equal(outputs(built, noise(2, 3)), outputs(raw, noise(2, 3)));
    const at::Tensor theta = built.parameter("tau_V1.theta").tensor;
    built.model->forward_sequence(noise(2, 3)).pow(2).sum().backward();
    EXPECT_NE(theta.grad().item<float>(), 0.0f);
    theta.data().fill_(-1e3);
    built.model->train(true);
    EXPECT_TRUE(outputs(built, noise(2, 3)).isfinite().all().item<bool>());
    EXPECT_THAT(refusal(small({{"train_tau", true}, {"tau_param", "softplus"}, {"tau_min", 6.0}})),
                HasSubstr("'tau_min' is 6 ms, but tau of layer V1 is 5 ms"));
}

TEST(LeakState, IsTheModelsOrTheLayers) {
    const Built built(small(
        {{"leak_state", "membrane"}, {"layer", list(layer("A", 2), layer("B", 2, {{"leak_state", "response"}}))}}));
    const std::string text = built.model->describe();
    EXPECT_LT(text.find("r is kept"), text.find("before: r = h(t-1)"));
}

TEST(ALayer, MayNeitherRelaxNorRecur) {
    const Built built(
        small({{"layer", list(layer("A", 2, {{"relaxes", false}, {"recurrent", false}}), layer("B", 2))}}));
    EXPECT_THAT(built.names(), Not(Contains("tau_A")));
    EXPECT_THAT(built.names(), Not(Contains("A.recurrence.conv.weight")));
    EXPECT_THAT(built.names(), IsSupersetOf({"tau_B", "B.recurrence.conv.weight"}));
}

TEST(WeightNorm, StartsAsTheWeightThatItNormalises) {
    const Config normed{{"weight_norm", true}};
    const Built built(small({{"layer", list(layer("A", 2, normed), layer("B", 2))}, {"classifier", normed}}));
    EXPECT_THAT(built.names(),
                IsSupersetOf({"A.conv.parametrizations.weight.original0", "A.conv.parametrizations.weight.original1",
                              "A.recurrence.conv.parametrizations.weight.original0", "A.conv.bias",
                              "classifier.2.parametrizations.weight.original1"}));
    const at::Tensor g = built.parameter("A.conv.parametrizations.weight.original0").tensor;
    const at::Tensor v = built.parameter("A.conv.parametrizations.weight.original1").tensor;
    EXPECT_EQ(g.sizes(), (at::IntArrayRef{2, 1, 1, 1}));
    expect_equal(g.view({2}), v.flatten(1).norm(2, 1));
    built.model->forward_sequence(noise(2, 5)).pow(2).sum().backward();
    EXPECT_TRUE(g.grad().defined());
    EXPECT_NEAR(v.grad().mul(v.detach()).sum().item<double>(), 0.0, 1e-4);  // a longer v changes nothing
    EXPECT_THAT(
        refusal(small({{"layer", list(layer("A", 2, with(normed, {{"recurrence", Config{{"type", "self"}}}})))}})),
        HasSubstr("'layer.0.weight_norm' does not suit"));
}

// ---- The classifier -------------------------------------------------------------------------------------------------

TEST(Classifier, MayHaveHiddenLayers) {
    const Built built(small({{"classifier", Config{{"hidden", list(5, 4)}, {"dropout", 0.5}}}}));
    EXPECT_EQ(built.parameter("classifier.2.weight").tensor.sizes(), (at::IntArrayRef{5, 3}));
    EXPECT_EQ(built.parameter("classifier.5.weight").tensor.sizes(), (at::IntArrayRef{4, 5}));
    EXPECT_EQ(built.parameter("classifier.7.weight").tensor.sizes(), (at::IntArrayRef{3, 4}));
    EXPECT_EQ(outputs(built, noise(2, 1)).sizes(), (at::IntArrayRef{2, 1, 3}));
}

TEST(Classifier, MayReadAnEarlierLayerToo) {
    const auto network = [](const char* also) {
        return small({{"layer", list(layer("A", 3), layer("B", 3))}, {"classifier", Config{{"also", also}}}});
    };
    const Built both_layers(network("A"));
    EXPECT_THAT(both_layers.names(), Contains("classifier.3.weight"));
    EXPECT_THAT(both_layers.model->describe(), HasSubstr("out = h + A(t)"));
    EXPECT_THAT(refusal(network("B")), HasSubstr("'classifier.also' is 'B', the last layer"));
    EXPECT_THAT(refusal(network("C")), HasSubstr("'classifier.also' is 'C', which is no layer"));
    EXPECT_THAT(refusal(small({{"classifier", Config{{"also", "V1"}}}})), HasSubstr("2 channels, but V4 has 3"));
}

// ---- Watching -------------------------------------------------------------------------------------------------------

TEST(Monitors, SeeWhatAnOperationGives) {
    struct Watching final : dv::Loss {
        std::vector<dv::Monitor> wanted;
        mutable std::vector<dv::Activity> seen;
        std::vector<dv::Monitor> monitors() const override { return wanted; }
        at::Tensor value(const at::Tensor& outputs, const at::Tensor&) const override { return outputs.sum().mul(0); }
        at::Tensor value_with_activity(const at::Tensor& outputs, const at::Tensor& labels,
                                       const std::vector<dv::Activity>& activity) const override {
            seen = activity;
            at::Tensor sum = value(outputs, labels);
            for (const dv::Activity& a : activity) sum = sum.add(a.values.pow(2).sum());
            return sum;
        }
    } loss;
    loss.wanted = {{"*", "tstep"}, {"V?", "record"}, {"V4", "nonlin"}};
    Built built(small());
    dv::Batch batch = dv::testing::still_batch(3, 2, kData);
    built.model->training_step(batch, loss).loss.backward();
    ASSERT_EQ(loss.seen.size(), 5u);
    EXPECT_EQ(loss.seen[0].layer, "V1");
    EXPECT_EQ(loss.seen[1].layer, "V4");
    EXPECT_EQ(loss.seen[4].monitor, 2u);
    EXPECT_EQ(loss.seen[0].values.sizes(), (at::IntArrayRef{2, 4, 2, 8, 8}));
    EXPECT_LT(loss.seen[0].values.min().item<double>(), 0.0);  // before the ReLU
    EXPECT_TRUE(loss.seen[0].values.detach().relu().allclose(loss.seen[2].values.detach()));
    EXPECT_GT(built.parameter("V1.conv.weight").tensor.grad().abs().sum().item<double>(), 0.0);

    loss.wanted = {{"V1", "adapt"}};
    try {
        built.model->training_step(batch, loss);
        FAIL() << "a monitor without a layer was accepted";
    } catch (const dv::ComponentError& error) {
        EXPECT_THAT(error.text, HasSubstr("operation 'adapt' of layers 'V1'"));
        EXPECT_THAT(error.text, HasSubstr("layers: V1, V4; operations: delay, layer, nonlin, record, tstep"));
    }
}

TEST(Layers, AreNamedWithTheirResponses) {
    const auto layers =
        Built(small({{"layer", list(layer("V1", 2, {{"pool", Config{{"kernel", 2}}}}), layer("V4", 3))}}))
            .model->layers();
    ASSERT_EQ(layers.size(), 2u);
    EXPECT_EQ(layers[0].name, "V1");
    EXPECT_EQ(layers[0].height, 8);  // before the pool
    EXPECT_EQ(layers[1].height, 4);
    EXPECT_EQ(layers[1].channels, 3);
    EXPECT_EQ(layers[1].dt, 2.0);
}

TEST(StabilityCheck, NamesLayerStepAndSample) {
    const Built checked(small({{"stability_check", true}}));
    dv::Sequence frames = noise(3, 4);
    EXPECT_EQ(complaint(checked, frames), "");
    frames.frames[1][2].fill_(std::numeric_limits<float>::quiet_NaN());
    EXPECT_THAT(complaint(checked, frames), HasSubstr("response of layer V1 at step 2 is NaN in sample 1"));
    checked.parameter("V4.conv.weight").tensor.data().fill_(std::numeric_limits<float>::infinity());
    EXPECT_THAT(complaint(checked, noise(1, 1)), HasSubstr("response of layer V4 at step 0 is"));
}

}  // namespace

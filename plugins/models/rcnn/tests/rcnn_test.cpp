#include "built.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/tensor.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace {

using namespace built;
using testing::ElementsAre;
using testing::HasSubstr;

// ---- Parameters -----------------------------------------------------------------------------------------------------

TEST(Rcnn, NamesItsParametersAsDynVisionDoes) {
    const auto edges = both(connections("skip", {{"V1", "V4"}}), connections("feedback", {{"V4", "V1"}}));
    EXPECT_THAT(
        Built(small({{"connection", edges}})).names(),
        ElementsAre("V1.conv.weight", "V1.conv.bias", "V1.recurrence.conv.weight", "V1.recurrence.conv.bias", "tau_V1",
                    "V4.conv.weight", "V4.conv.bias", "V4.recurrence.conv.weight", "V4.recurrence.conv.bias", "tau_V4",
                    "addskip_V4.conv.weight", "addskip_V4.conv.bias", "addfeedback_V1.conv.weight",
                    "addfeedback_V1.conv.bias", "classifier.2.weight", "classifier.2.bias", "n_residual_timesteps"));
}

TEST(Rcnn, TellsSeveralSkipsIntoOneLayerApart) {
    const Built built(small({{"layer", list(layer("A", 2), layer("B", 3), layer("C", 4))},
                             {"connection", connections("skip", {{"A", "C"}, {"B", "C"}})}}));
    EXPECT_THAT(built.names(), testing::IsSupersetOf({"addskip_C_from_A.conv.weight", "addskip_C_from_B.conv.weight"}));
}

TEST(Rcnn, ASkipBetweenEqualChannelsNeedsNoConvolution) {
    const auto edge = [](bool force) {
        return small(
            {{"layer", list(layer("A", 2), layer("B", 2))},
             {"connection", list(Config{{"kind", "skip"}, {"from", "A"}, {"to", "B"}, {"force_conv", force}})}});
    };
    EXPECT_THAT(Built(edge(false)).names(), testing::Not(testing::Contains(HasSubstr("addskip"))));
    EXPECT_THAT(Built(edge(true)).names(), testing::Contains("addskip_B.conv.weight"));
}

TEST(Rcnn, StartsAsItSays) {
    const Built built(small({{"layer", list(layer("A", 64), layer("B", 128))},
                             {"max_weight_init", 0.01},
                             {"connection", connections("skip", {{"A", "B"}})}}));
    const auto deviation = [&](const char* name) { return built.parameter(name).tensor.std().item<double>(); };
    EXPECT_NEAR(deviation("B.conv.weight"), std::sqrt(2.0 / (64 * 9)), 0.002);
    EXPECT_NEAR(deviation("addskip_B.conv.weight"), 0.001, 0.0001);
    EXPECT_NEAR(deviation("classifier.2.weight"), 0.004, 0.0006);
    EXPECT_LE(built.parameter("A.recurrence.conv.weight").tensor.abs().max().item<double>(), 0.01);
    EXPECT_GT(built.parameter("A.recurrence.conv.weight").tensor.abs().max().item<double>(), 0.0099);
    for (const char* bias : {"A.conv.bias", "A.recurrence.conv.bias", "addskip_B.conv.bias", "classifier.2.bias"}) {
        EXPECT_TRUE(built.parameter(bias).tensor.eq(0).all().item<bool>()) << bias;
    }
}

TEST(Rcnn, LayersStartDifferently) {
    const Built built(small({{"layer", list(layer("A", 1), layer("B", 1))}}));
    EXPECT_FALSE(built.parameter("A.conv.weight").tensor.equal(built.parameter("B.conv.weight").tensor));
    EXPECT_FALSE(
        built.parameter("A.recurrence.conv.weight").tensor.equal(built.parameter("B.recurrence.conv.weight").tensor));
}

TEST(Rcnn, TimeConstantsAreTrainedOnRequest) {
    const Built fixed(small()), trained(small({{"train_tau", true}}));
    EXPECT_FALSE(fixed.parameter("tau_V1").trainable);
    EXPECT_EQ(fixed.parameter("tau_V1").tensor.item<float>(), 5.0f);
    const at::Tensor tau = trained.parameter("tau_V1").tensor;
    EXPECT_TRUE(trained.parameter("tau_V1").trainable);
    const dv::Sequence sequence = noise(2, 4);
    trained.model->forward_sequence(sequence).pow(2).sum().backward();
    EXPECT_NE(tau.grad().item<float>(), 0.0f);
}

TEST(Rcnn, StopsWhenATrainedTimeConstantDiverges) {
    const Built built(small({{"train_tau", true}}));
    built.model->train(true);
    built.parameter("tau_V4").tensor.data().fill_(0.9);
    try {
        built.model->train(true);
        FAIL() << "tau = 0.9 ms at dt = 2 ms was accepted";
    } catch (const dv::ComponentError& error) {
        EXPECT_THAT(error.text, HasSubstr("V4"));
        EXPECT_THAT(error.text, HasSubstr("0.9"));
    }
}

TEST(Rcnn, LoadedBuffersDoNotOverruleTheManifest) {
    Built built(small({{"tau", 8.0}}));
    built.parameter("tau_V1").tensor.fill_(5.0);
    built.model->train(false);
    EXPECT_EQ(built.parameter("tau_V1").tensor.item<float>(), 8.0f);
    EXPECT_THAT(built.warnings(), HasSubstr("tau_V1"));
}

TEST(Rcnn, LeavesOutWhatFeedforwardOnlyForbids) {
    const Config config = small({{"connection", connections("skip", {{"V1", "V4"}})}, {"feedforward_only", true}});
    EXPECT_THAT(Built(config).names(),
                testing::Not(testing::Contains(testing::AnyOf(HasSubstr("recurrence"), HasSubstr("addskip")))));
}

TEST(Rcnn, LayersMayDifferFromTheModel) {
    const Built built(
        small({{"layer", list(layer("A", 2, {{"recurrence", Config{{"type", "self"}}}, {"tau", 9.0}}),
                              layer("B", 2, {{"recurrence", Config{{"type", "none"}}}}), layer("C", 2))}}));
    EXPECT_THAT(built.names(), testing::IsSupersetOf({"A.recurrence.weight", "C.recurrence.conv.weight"}));
    EXPECT_THAT(built.names(), testing::Not(testing::Contains(HasSubstr("B.recurrence"))));
    EXPECT_EQ(built.parameter("tau_A").tensor.item<float>(), 9.0f);
    EXPECT_EQ(built.parameter("tau_B").tensor.item<float>(), 5.0f);
}

// ---- Time -----------------------------------------------------------------------------------------------------------

TEST(Rcnn, ResidualTimestepsFollowFromTheDelays) {
    const auto residual = [](Config config) {
        const Built built(config);
        return built.parameter("n_residual_timesteps").tensor.item<std::int32_t>();
    };
    const auto four = [](double t_feedforward) {
        return small({{"layer", list(layer("V1", 2), layer("V2", 2), layer("V4", 2), layer("IT", 2))},
                      {"t_feedforward", t_feedforward},
                      {"dt", 2.0}});
    };
    EXPECT_EQ(residual(four(0)), 0);
    EXPECT_EQ(residual(four(2)), 4);
    EXPECT_EQ(residual(four(4)), 8);
    EXPECT_EQ(residual(four(8)), 16);
    EXPECT_EQ(residual(four(10)), 20);
    EXPECT_EQ(residual(small({{"t_feedforward", 4.0}})), 4);
    EXPECT_EQ(residual(small({{"t_feedforward", 4.0}, {"residual_timesteps", 1}})), 1);
    EXPECT_EQ(residual(small({{"layer", list(layer("A", 2, {{"t_feedforward", 6.0}}), layer("B", 2))}})), 3);
}

TEST(Rcnn, StepsAwaitTheAnswer) {
    const Built built(small({{"t_feedforward", 2.0}, {"n_timesteps", 5}}));
    dv::Batch batch;
    batch.frames = noise(2, 1);
    EXPECT_EQ(built.model->predict_step(batch).sizes(), (at::IntArrayRef{2, 7, 3}));
}

TEST(Rcnn, DelaysThatDtDoesNotDivideAreReported) {
    Built built(small({{"t_recurrence", 5.0}, {"connection", connections("skip", {{"V1", "V4"}})}, {"t_skip", 3.0}}));
    EXPECT_THAT(
        built.warnings(),
        HasSubstr("recurrence of V1, 5 ms, is not a whole number of steps of 2 ms: 2 steps are used, 1 ms too few"));
    EXPECT_THAT(
        built.warnings(),
        HasSubstr("skip from V1 to V4, 3 ms, is not a whole number of steps of 2 ms: 2 steps are used, 1 ms too many"));
}

TEST(Rcnn, ADtBeyondTauIsReportedAndBeyondStabilityRefused) {
    EXPECT_THAT(Built(small({{"dt", 5.0}, {"t_recurrence", 5.0}})).warnings(), HasSubstr("layer V1: dt / tau = 1"));
    const Config unstable = small({{"dt", 12.0}, {"t_recurrence", 12.0}});
    EXPECT_THAT(refusal(unstable),
                HasSubstr("'dt' of 12 ms makes layer V1 diverge: dt / tau = 2.4 is beyond the solver's limit 2; "
                          "use dt <= 10 ms"));
    EXPECT_EQ(refusal(with(unstable, {{"allow_unstable", true}})), "");
}

TEST(Rcnn, UnsetDelaysFollowEachOther) {
    const auto text = [](const Config& changes) {
        const auto edges = both(connections("skip", {{"V1", "V4"}}), connections("feedback", {{"V4", "V1"}}));
        return Built(with(small({{"connection", edges}}), changes)).model->describe();
    };
    EXPECT_THAT(text({{"t_feedforward", 4.0}}), HasSubstr("feedback from V4: 2 steps"));
    EXPECT_THAT(text({{"t_feedforward", 4.0}}), HasSubstr("skip from V1: 2 steps"));
    EXPECT_THAT(text({{"t_feedback", 6.0}}), HasSubstr("skip from V1: 3 steps"));
    EXPECT_THAT(text({{"t_feedback", 6.0}, {"t_skip", 0.0}}), HasSubstr("skip from V1: 0 steps"));
    EXPECT_THAT(text({}), HasSubstr("feedback from V4: 1 step = 2 ms"));
}

// ---- Refusals -------------------------------------------------------------------------------------------------------

TEST(Rcnn, NeedsALayer) { EXPECT_THAT(refusal({{"layer", Edges{}}}), HasSubstr("'layer' is empty")); }

TEST(Rcnn, RefusesAnUnknownOperation) {
    const auto operations = [](const char* name) {
        return small(
            {{"operations", list("layer", name, "record", "delay")}, {"recurrence", Config{{"type", "none"}}}});
    };
    try {
        dyrcnn::plugin().create_unchecked("rcnn", operations("nonlinn"));
        FAIL() << "operation 'nonlinn' was accepted";
    } catch (const dv::ComponentError& error) {
        EXPECT_EQ(error.status, DV_BAD_PARAMETER);
        EXPECT_THAT(error.text, HasSubstr("'nonlinn'"));
        EXPECT_THAT(error.text, HasSubstr("layer, addskip, addfeedback, addbias, tstep, nonlin"));
    }
    EXPECT_EQ(refusal(operations("norm")), "");
    EXPECT_THAT(refusal(small({{"operations", list("nonlin", "record")}})), HasSubstr("lacks 'layer'"));
}

TEST(Rcnn, RefusesConnectionsThatLeadNowhere) {
    const auto edge = [](const char* from, const char* to) {
        return small({{"connection", connections("skip", {{from, to}})}});
    };
    EXPECT_THAT(refusal(edge("V1", "V9")),
                HasSubstr("'connection.0.to' is 'V9', which is no layer; there are: V1, V4"));
    EXPECT_THAT(refusal(edge("retina", "V4")), HasSubstr("'connection.0.from'"));
    EXPECT_THAT(refusal(edge("V4", "V4")), HasSubstr("through its recurrence"));
    EXPECT_THAT(refusal(with(edge("V1", "V4"), {{"operations", list("layer", "tstep", "nonlin", "record", "delay")}})),
                HasSubstr("lacks 'addskip'"));
}

TEST(Rcnn, RefusesNamesThatCannotBePartsOfOthers) {
    EXPECT_THAT(refusal(small({{"layer", list(layer("V1", 2), layer("V1", 2))}})), HasSubstr("'layer.1.name' is 'V1'"));
    EXPECT_THAT(refusal(small({{"layer", list(layer("a.b", 2))}})), HasSubstr("'layer.0.name'"));
}

TEST(Rcnn, RefusesKernelsThatDoNotFit) {
    const Config big = layer("V1", 2, {{"conv", Config{{"channels", 2}, {"kernel", 9}, {"padding", 0}}}});
    EXPECT_THAT(refusal(small({{"layer", list(big)}})), HasSubstr("V1) does not fit: kernel 9 on 8 x 8"));
}

TEST(Rcnn, AMiddleNeedsTwoConvolutions) {
    EXPECT_THAT(refusal(small({{"recurrence_target", "middle"}})), HasSubstr("'layer.0.target' is 'middle'"));
    const Config two = layer("V1", 2, {{"target", "middle"}, {"conv2", Config{{"channels", 4}}}});
    const Built built(small({{"layer", list(two)}}));
    EXPECT_EQ(built.parameter("V1.recurrence.conv.weight").tensor.sizes(), (at::IntArrayRef{2, 4, 3, 3}));
    EXPECT_EQ(built.parameter("V1.conv2.weight").tensor.sizes(), (at::IntArrayRef{4, 2, 3, 3}));
}

TEST(Rcnn, NeedsLabelledData) {
    dv::DataFacts unlabelled = kData;
    unlabelled.n_classes = 0;
    EXPECT_THAT(refusal(small(), unlabelled), HasSubstr("no labels"));
}

TEST(Rcnn, RefusesOtherFramesThanItWasBuiltFor) {
    const Built built(small());
    EXPECT_THROW(built.model->forward_sequence(dv::Sequence::of(at::rand({1, 4, 1, 9, 8}))), dv::ComponentError);
}

// ---- Behaviour ------------------------------------------------------------------------------------------------------

TEST(Rcnn, ReadsOutChannelsOrUnits) {
    EXPECT_EQ(Built(small()).parameter("classifier.2.weight").tensor.sizes(), (at::IntArrayRef{3, 3}));
    EXPECT_EQ(Built(small({{"readout", "flatten"}})).parameter("classifier.2.weight").tensor.sizes(),
              (at::IntArrayRef{3, 3 * 64}));
}

TEST(Rcnn, PoolsWhatTheNextLayerGets) {
    const Config pool{{"pool", Config{{"kernel", 2}}}};
    const Config config = small({{"layer", list(layer("A", 2, pool), layer("B", 2))}, {"readout", "flatten"}});
    EXPECT_EQ(Built(config).parameter("classifier.2.weight").tensor.sizes(), (at::IntArrayRef{3, 2 * 16}));
}

TEST(Rcnn, ShowsAMovieFrameByFrame) {
    dv::DataFacts movie = kData;
    movie.n_frames = 6;
    const Built built(with(small(), {{"n_timesteps", 1}}), movie);
    dv::Batch batch;
    batch.frames = noise(2, 6);
    EXPECT_EQ(built.model->predict_step(batch).sizes(), (at::IntArrayRef{2, 6, 3}));
    EXPECT_THAT(refusal(small(), movie), HasSubstr("'n_timesteps' is 4, but the data has 6 frames"));
}

TEST(Rcnn, TruncationCutsGradientsOnly) {
    const auto gradient = [](std::int64_t steps) {
        const Built built(
            small({{"truncated_bptt_timesteps", steps}, {"t_recurrence", 2.0}, {"max_weight_init", 0.5}}));
        const dv::Sequence sequence = dv::Sequence::of(at::ones({1, 1, 1, 8, 8})).shown_for(4);
        const at::Tensor out = built.model->forward_sequence(sequence);
        out.select(1, 3).pow(2).sum().backward();
        return std::pair(out.detach(), built.parameter("V1.recurrence.conv.weight").tensor.grad().clone());
    };
    const auto [whole, whole_gradient] = gradient(0);
    const auto [cut, cut_gradient] = gradient(2);
    EXPECT_TRUE(whole.equal(cut));
    EXPECT_FALSE(whole_gradient.allclose(cut_gradient));
}

TEST(Rcnn, SegmentsChangeNeitherOutputsNorGradients) {
    const auto run = [](std::int64_t segments) {
        const Built built(small({{"checkpoint_segments", segments},
                                 {"t_recurrence", 2.0},
                                 {"max_weight_init", 0.5},
                                 {"classifier", Config{{"weight_norm", true}}}}));
        const dv::Sequence sequence = noise(2, 1).shown_for(6);
        const at::Tensor out = built.model->forward_sequence(sequence);
        out.pow(2).sum().backward();
        std::vector<at::Tensor> found{out.detach()};
        for (const dv::NamedTensor& t : built.model->parameters()) {
            if (t.trainable) found.push_back(t.tensor.grad().clone());
        }
        return found;
    };
    const std::vector<at::Tensor> whole = run(0), cut = run(3);
    ASSERT_EQ(cut.size(), whole.size());
    for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_TRUE(cut[i].allclose(whole[i], 1e-4, 1e-6)) << i;
}

TEST(Rcnn, LearnsToTellTwoImagesApart) {
    struct CrossEntropy final : dv::Loss {
        at::Tensor value(const at::Tensor& outputs, const at::Tensor& labels) const override {
            return at::cross_entropy_loss(outputs.flatten(0, 1), labels.flatten(), {}, 1, -1);
        }
    };
    Built built(small({{"readout", "flatten"}, {"loss_reaction_time", 2.0}}));
    dv::Batch batch;
    at::Tensor halves = at::ones({2, 1, 1, 8, 8});
    halves[0].slice(3, 0, 4).zero_();
    halves[1].slice(3, 4, 8).zero_();
    batch.frames = dv::Sequence::of(halves);
    batch.labels = at::tensor({0, 2}, at::kLong);
    double first = 0, last = 0;
    for (int step = 0; step < 100; ++step) {
        const dv::StepOutput out = built.model->training_step(batch, CrossEntropy());
        last = out.loss.item<double>();
        if (step == 0) first = last;
        for (const auto& p : built.model->parameters()) p.tensor.mutable_grad().reset();
        out.loss.backward();
        for (const auto& p : built.model->parameters()) {
            if (p.trainable) p.tensor.data().sub_(p.tensor.grad(), 0.1);
        }
    }
    EXPECT_NEAR(first, std::log(3.0), 0.1);
    EXPECT_LT(last, 0.2);
}

TEST(Rcnn, DescribesItself) {
    const Config config = small({{"layer", list(layer("V1", 2, {{"pool", Config{{"kernel", 2}}}}), layer("V4", 3))},
                                 {"connection", connections("skip", {{"V1", "V4"}})},
                                 {"t_feedforward", 2.0},
                                 {"t_skip", 0.0}});
    EXPECT_EQ(Built(config).model->describe(), R"(input: 1 x 8 x 8, 6 steps of 2 ms
V1: 2 x 8 x 8, passes on 2 x 4 x 4
    x = conv3x3(in) + R h(t-3)
    r <- 0.6 r + 0.4 x    (before: r = h(t-1); dt/tau = 0.4)
    h = relu(r)
    out = max2x2/2(h(t-1))
    R h = conv3x3(h), 3 steps = 6 ms back
    feed-forward delay: 1 step = 2 ms
    58 parameters, 3456 multiply-adds per step
V4: 3 x 4 x 4
    x = conv3x3(in) + R h(t-3) + conv1x1(V1(t))
    r <- 0.6 r + 0.4 x    (before: r = h(t-1); dt/tau = 0.4)
    h = relu(r)
    out = h(t-1)
    R h = conv3x3(h), 3 steps = 6 ms back
    skip from V1: 0 steps = 0 ms back
    feed-forward delay: 1 step = 2 ms
    150 parameters, 2256 multiply-adds per step
readout: mean of each channel, linear 3 -> 3
all: 220 parameters, 5721 multiply-adds per step, 34326 per sequence and sample
the answer comes 2 steps after the input
)");
}

}  // namespace

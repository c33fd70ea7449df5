// Delays, update orders, what is there before the first step, and what DynVision 0.1.0 did differently.

#include "built.hpp"

#include <dv/testing/torch.hpp>

#include <ATen/ops/ones.h>

#include <gmock/gmock.h>

#include <filesystem>

namespace {

using namespace built;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

Config two_way(const Config& changes = {}) {
    const auto edges = both(connections("skip", {{"V1", "V4"}}), connections("feedback", {{"V4", "V1"}}));
    return with(small({{"connection", edges}, {"n_timesteps", 8}, {"max_weight_init", 0.3}}), changes);
}

at::Tensor outputs(const Built& network, const dv::Sequence& frames) {
    return network.model->forward_sequence(frames).detach();
}

bool close(const at::Tensor& a, const at::Tensor& b) { return a.allclose(b, 1e-5, 1e-6); }

TEST(UpdateOrder, SynchronousIsSequentialWithEveryDelayOneStepLonger) {
    const Built synchronous(two_way({{"update_order", "synchronous"},
                                     {"t_feedforward", 0.0},
                                     {"t_recurrence", 2.0},
                                     {"t_skip", 2.0},
                                     {"t_feedback", 4.0}}));
    const Built sequential(
        two_way({{"t_feedforward", 2.0}, {"t_recurrence", 4.0}, {"t_skip", 4.0}, {"t_feedback", 6.0}}));
    EXPECT_TRUE(close(outputs(synchronous, noise(2, 8)), outputs(sequential, noise(2, 8))));
    EXPECT_EQ(synchronous.parameter("n_residual_timesteps").tensor.item<std::int32_t>(), 2);
}

TEST(DelayPolicy, StrictRefusesWhatDtDoesNotDivide) {
    EXPECT_THAT(
        refusal(small({{"t_recurrence", 5.0}, {"delay_policy", "strict"}})),
        HasSubstr(
            "'t_recurrence' the recurrence of V1, 5 ms, is not a whole number of steps of 2 ms; with delay_policy = "
            "\"strict\" it is one: 4 or 6 ms"));
    const Config own = layer("V1", 2, {{"t_recurrence", 3.0}});
    EXPECT_THAT(refusal(small({{"layer", list(own)}, {"delay_policy", "strict"}})),
                HasSubstr("'layer.0.t_recurrence'"));
    EXPECT_THAT(refusal(two_way({{"t_skip", 1.0}, {"delay_policy", "strict"}})),
                HasSubstr("'t_skip' the skip from V1 to V4"));
    EXPECT_THAT(refusal(small({{"delay_policy", "interpolate"}})), HasSubstr("only solvers with stages"));
}

TEST(Delays, BeyondTheRunAreReported) {
    EXPECT_THAT(Built(two_way({{"t_feedback", 30.0}, {"t_skip", 0.0}})).warnings(),
                HasSubstr("feedback from V4 to V1 reads 15 steps = 30 ms back, and a run has 8 steps"));
    EXPECT_THAT(Built(two_way({{"t_feedback", 6.0}, {"t_skip", 0.0}})).warnings(), Not(HasSubstr("a run has")));
    EXPECT_THAT(Built(small({{"t_recurrence", 20.0}})).warnings(), HasSubstr("recurrence of V1 reads 10 steps"));
}

TEST(History, OfZerosLetsBiasesCountFromTheFirstStep) {
    const Config config = small({{"layer", list(layer("V1", 2))}, {"recurrence", Config{{"type", "full"}}}});
    const Built absent(config), zero(with(config, {{"history", "zero"}}));
    for (const Built* network : {&absent, &zero})
        network->parameter("V1.recurrence.conv.bias").tensor.data().fill_(1.0);
    EXPECT_FALSE(close(outputs(absent, noise(2, 4)).select(1, 0), outputs(zero, noise(2, 4)).select(1, 0)));
    for (const Built* network : {&absent, &zero})
        network->parameter("V1.recurrence.conv.bias").tensor.data().fill_(0.0);
    EXPECT_TRUE(close(outputs(absent, noise(2, 4)), outputs(zero, noise(2, 4))));
}

TEST(History, ConstantReadsTheFirstValueBackInTime) {
    const Config config = small({{"layer", list(layer("V1", 2))}, {"max_weight_init", 0.3}});
    const Built constant(with(config, {{"history", "constant"}, {"t_recurrence", 6.0}})),
        short_delay(with(config, {{"t_recurrence", 2.0}}));
    const at::Tensor far = outputs(constant, noise(2, 2)), near = outputs(short_delay, noise(2, 2));
    EXPECT_TRUE(close(far, near));  // after one step, three steps back is the first value
}

TEST(History, SteadyStartsFromWhatBlankFramesSettleTo) {
    const Config config = small({{"history", "steady"}, {"non_input_value", 0.5}, {"max_weight_init", 0.1}});
    Built steady(config);
    dv::Sequence blank = noise(2, 1);
    blank.schedule.assign(5, dv::Sequence::kBlank);
    blank.blank_value = 0.5;
    const at::Tensor out = outputs(steady, blank);
    EXPECT_TRUE(out.select(1, 0).allclose(out.select(1, 4), 1e-4, 1e-6));
    EXPECT_EQ(steady.warnings(), "");
}

// ---- Connections ----------------------------------------------------------------------------------------------------

Config pooled_pair(const Config& connection) {
    const Config edge = with({{"kind", "skip"}, {"from", "V1"}, {"to", "V4"}}, connection);
    return small({{"layer", list(layer("V1", 2, {{"pool", Config{{"kernel", 2}}}}), layer("V4", 3))},
                  {"connection", list(edge)}});
}

TEST(Connections, MayConvolveWithAKernelAndAStride) {
    const Built built(pooled_pair({{"kernel", 3}, {"stride", 2}, {"bias", false}, {"weight_norm", true}}));
    EXPECT_EQ(built.parameter("addskip_V4.conv.parametrizations.weight.original1").tensor.sizes(),
              (at::IntArrayRef{3, 2, 3, 3}));
    EXPECT_THAT(built.names(), Not(Contains("addskip_V4.conv.bias")));
    built.model->forward_sequence(noise(2, 3)).pow(2).sum().backward();
    EXPECT_TRUE(built.parameter("addskip_V4.conv.parametrizations.weight.original0").tensor.grad().defined());
    EXPECT_THAT(refusal(pooled_pair({{"kernel", 3}})),
                HasSubstr("'connection.0.kernel' brings the skip from V1 to V4 to 8 x 8, where 4 x 4 is needed"));
    EXPECT_THAT(refusal(pooled_pair({{"stride", 4}})),
                HasSubstr("'connection.0.stride' brings the skip from V1 to V4 to 2 x 2"));
}

TEST(Connections, SkipsFromLaterLayersReadTheStepBefore) {
    const Built built(small({{"connection", connections("skip", {{"V4", "V1"}})}, {"t_skip", 0.0}}));
    EXPECT_THAT(built.model->describe(), HasSubstr("skip from V4: 1 step = 2 ms back"));
}

// ---- Patterns -------------------------------------------------------------------------------------------------------

TEST(Pattern, MayBeAText) {
    const Built digits(small({{"n_timesteps", 4}, {"pattern", "1001"}}));
    const Built numbers(small({{"n_timesteps", 4}, {"data_presentation_pattern", list(1, 0, 0, 1)}}));
    const dv::Batch batch = dv::testing::still_batch(3, 2, kData);
    EXPECT_EQ(digits.model->predict_step(batch).sizes(), numbers.model->predict_step(batch).sizes());
    EXPECT_THAT(refusal(small({{"pattern", "1021"}})), HasSubstr("'pattern' is '1021', with '2' at place 3"));
    EXPECT_THAT(refusal(small({{"pattern", "10"}, {"data_presentation_pattern", list(1, 0)}})),
                HasSubstr("leave one out"));
}

// ---- compat = "dynvision-0.1" ---------------------------------------------------------------------------------------

const Config kCompat{{"compat", "dynvision-0.1"}};

TEST(Compat6, AConnectionAsLateAsTheRunDoesNotExist) {
    Built built(two_way(with(kCompat, {{"t_feedback", 16.0}, {"t_skip", 0.0}})));
    EXPECT_THAT(built.names(), Not(Contains("addfeedback_V1.conv.weight")));
    EXPECT_THAT(built.warnings(), HasSubstr("feedback from V4 to V1 reads 8 steps back, and a run has 8"));
    EXPECT_THAT(Built(two_way(with(kCompat, {{"t_feedback", 14.0}, {"t_skip", 0.0}}))).names(),
                Contains("addfeedback_V1.conv.weight"));
}

TEST(Compat9, FixedSelfWeightsAreDrawnAndTrained) {
    const Config fixed = small({{"recurrence", Config{{"type", "self"}, {"fixed_self_weight", 1.0}}}});
    EXPECT_FALSE(Built(fixed).parameter("V1.recurrence.weight").trainable);
    const Built loosened(with(fixed, kCompat));
    EXPECT_TRUE(loosened.parameter("V1.recurrence.weight").trainable);
    EXPECT_LE(std::abs(loosened.parameter("V1.recurrence.weight").tensor.item<double>()), 0.001);
}

TEST(Compat10, ASelfBiasOfZeroIsLeftOut) {
    const Config self = small({{"recurrence", Config{{"type", "self"}}}, {"layer", list(layer("V1", 2))}});
    const Built of_dynvision(with(self, kCompat)), ours(self);
    for (const Built* network : {&of_dynvision, &ours})
        network->model->forward_sequence(noise(2, 5)).pow(2).sum().backward();
    EXPECT_FALSE(of_dynvision.parameter("V1.recurrence.bias").tensor.grad().defined());
    EXPECT_TRUE(ours.parameter("V1.recurrence.bias").tensor.grad().defined());
    of_dynvision.parameter("V1.recurrence.bias").tensor.data().fill_(0.5);
    of_dynvision.model->forward_sequence(noise(2, 5)).pow(2).sum().backward();
    EXPECT_TRUE(of_dynvision.parameter("V1.recurrence.bias").tensor.grad().defined());
}

TEST(Compat12, EverySolverIsEulers) {
    const Config other = small({{"solver", Config{{"type", "exp_euler"}}}});
    Built of_dynvision(with(other, kCompat));
    EXPECT_THAT(of_dynvision.warnings(), HasSubstr("layer V1 is solved by Euler's method"));
    const dv::Sequence frames = noise(2, 4);
    EXPECT_TRUE(close(outputs(of_dynvision, frames), outputs(Built(small()), frames)));
    EXPECT_FALSE(close(outputs(Built(other), frames), outputs(Built(small()), frames)));
}

TEST(Compat29, PatternsAreShuffledInValidationToo) {
    const auto distinct = [](const Config& changes) {
        const Built built(with(
            small({{"n_timesteps", 8}, {"pattern", "11000000"}, {"shuffle_presentation_pattern", true}}), changes));
        dv::Batch batch = dv::testing::still_batch(3, 1, kData);
        batch.split = dv::Split::val;
        std::vector<at::Tensor> seen;
        for (batch.batch_idx = 0; batch.batch_idx < 6; ++batch.batch_idx) {
            const dv::StepOutput out = built.model->validation_step(batch, dv::testing::ReferenceLoss());
            const auto same = [&](const at::Tensor& labels) { return labels.equal(out.labels); };
            if (std::none_of(seen.begin(), seen.end(), same)) seen.push_back(out.labels.clone());
        }
        return seen.size();
    };
    EXPECT_EQ(distinct({}), 1u);
    EXPECT_GT(distinct(kCompat), 1u);
}

TEST(Compat35, FeedforwardAndRecurrenceAreCutOff) {
    const auto text = [](const Config& changes) {
        return Built(
                   with(two_way({{"t_feedforward", 3.0}, {"t_recurrence", 5.0}, {"t_skip", 3.0}, {"t_feedback", 9.0}}),
                        changes))
            .model->describe();
    };
    EXPECT_THAT(text({}), HasSubstr("R h(t-2)"));
    EXPECT_THAT(text({}), HasSubstr("feed-forward delay: 2 steps"));
    EXPECT_THAT(text({{"t_recurrence", 7.0}}), HasSubstr("R h(t-4)"));
    EXPECT_THAT(text(with(kCompat, {{"t_recurrence", 7.0}})), HasSubstr("R h(t-3)"));
    EXPECT_THAT(text(kCompat), HasSubstr("feed-forward delay: 1 step"));
    EXPECT_THAT(text(kCompat), HasSubstr("feedback from V4: 4 steps"));  // 4.5, to the even one
}

TEST(CompatA, HistoriesAreAsLongAsTheLongestDelay) {
    // floor(1 / 2) = 0 entries: no recurrence, and the solver goes on from its own result.
    const Config shorter = small({{"t_recurrence", 1.0}, {"layer", list(layer("V1", 2))}});
    Built built(with(shorter, kCompat));
    EXPECT_THAT(built.warnings(), HasSubstr("recurrence of V1 reads 1 steps back, and only 0 are kept"));
    EXPECT_THAT(built.model->describe(), HasSubstr("r is kept"));
    EXPECT_THAT(built.names(), Contains("V1.recurrence.conv.weight"));
    // A skip of 3 ms is 2 steps, its third entry back; floor((3 + 2) / 2) = 2 are kept.
    Built late(with(
        small({{"connection", connections("skip", {{"V1", "V4"}})}, {"t_skip", 3.0}, {"t_recurrence", 2.0}}), kCompat));
    EXPECT_THAT(late.warnings(), HasSubstr("skip from V1 to V4 reads 3 entries back, and only 2 are kept"));
    EXPECT_THAT(late.names(), Contains("addskip_V4.conv.weight"));
}

TEST(CompatCAndD, PatternsThatDoNotDivideAndSwallowedChunksAreNotReported) {
    const Config uneven = small({{"n_timesteps", 10}, {"pattern", "1011"}, {"loss_reaction_time", 20.0}});
    EXPECT_THAT(Built(uneven).warnings(), HasSubstr("do not divide"));
    EXPECT_THAT(Built(uneven).warnings(), HasSubstr("covers all of"));
    EXPECT_THAT(Built(with(uneven, kCompat)).warnings(),
                Not(testing::AnyOf(HasSubstr("do not divide"), HasSubstr("covers all of"))));
}

// ---- Presets are tables ---------------------------------------------------------------------------------------------

TEST(Tables, AreWhatThePresetsExpandTo) {
    const std::filesystem::path folder = std::filesystem::path(DV_PLUGIN_UNDER_TEST).parent_path();
    for (const auto& [preset, table] :
         {std::pair{"dyrcnn_x2", dyrcnn::x2()}, {"dyrcnn_x4", dyrcnn::x4()}, {"dyrcnn_x8", dyrcnn::x8()}}) {
        dv::testing::Plugin plugin(folder / "dyrcnn.so");
        plugin.with(folder);
        const auto expanded = plugin.make<dv::Model>(preset, Config{{"n_timesteps", 8}});
        const auto written = dyrcnn::made(table);
        for (const auto& model : {expanded, written})
            model->build({.n_frames = 1, .channels = 3, .height = 32, .width = 32, .n_classes = 5});
        EXPECT_EQ(expanded->describe(), written->describe());
        const auto ours = expanded->parameters(), theirs = written->parameters();
        ASSERT_EQ(ours.size(), theirs.size());
        for (std::size_t i = 0; i < ours.size(); ++i) {
            EXPECT_EQ(ours[i].name, theirs[i].name);
            EXPECT_TRUE(ours[i].tensor.equal(theirs[i].tensor)) << ours[i].name;
        }
    }
}

}  // namespace

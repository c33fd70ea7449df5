#include "presentation.hpp"

#include <dv/testing/host.hpp>

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace {

using rcnn::Settings;

std::string digits(const std::vector<bool>& flags) {
    std::string out;
    for (const bool flag : flags) out += flag ? '1' : '0';
    return out;
}

std::vector<std::int64_t> pattern(const std::string& text) {
    std::vector<std::int64_t> out;
    for (const char c : text) out.push_back(c - '0');
    return out;
}

Settings settings(std::int64_t n_timesteps, const std::string& shown = "1", double reaction_time = 0.0) {
    Settings s;
    s.n_timesteps = n_timesteps;
    s.data_presentation_pattern = pattern(shown);
    s.loss_reaction_time = reaction_time;
    return s;
}

dv::Batch still(dv::Split split = dv::Split::train) {
    dv::Batch batch;
    batch.frames = dv::Sequence::of(at::zeros({2, 1, 1, 2, 2}));
    batch.labels = at::tensor({3, 1}, at::kLong);
    batch.split = split;
    return batch;
}

std::vector<std::int64_t> row(const at::Tensor& labels, std::int64_t b) {
    const at::Tensor r = labels.select(0, b).contiguous();
    return {r.const_data_ptr<std::int64_t>(), r.const_data_ptr<std::int64_t>() + r.numel()};
}

constexpr std::int32_t o = dv::Sequence::kBlank;

// Patterns and reaction masks of DynVision, dt 2, loss_reaction_time 4.
TEST(Patterns, AreStretchedNotRepeated) {
    EXPECT_EQ(digits(rcnn::stretched(pattern("1011"), 10)), "1110011111");
    EXPECT_EQ(digits(rcnn::stretched(pattern("101"), 9)), "111000111");
    EXPECT_EQ(digits(rcnn::stretched(pattern("10"), 7)), "1111000");
    EXPECT_EQ(digits(rcnn::stretched(pattern("1"), 3)), "111");
}

TEST(ReactionWindows, FollowEachOnset) {
    const auto mask = [](const char* base, std::int64_t n) {
        return digits(rcnn::after_onsets(rcnn::stretched(pattern(base), n), 2));
    };
    EXPECT_EQ(mask("1011", 10), "1100011000");
    EXPECT_EQ(mask("101", 9), "110000110");
    EXPECT_EQ(mask("10", 7), "1100000");
    EXPECT_EQ(digits(rcnn::after_onsets({true, false, false, true, false}, 3)), "11111");  // not cut at the offset
    EXPECT_EQ(digits(rcnn::after_onsets({true, true}, 0)), "00");
}

TEST(ReactionSteps, AreRoundedUp) {
    const auto steps = [](double reaction_time, double dt) {
        Settings s = settings(10, "1", reaction_time);
        s.dt = dt;
        return rcnn::reaction_steps(s);
    };
    EXPECT_EQ(steps(0, 2), 0);
    EXPECT_EQ(steps(4, 2), 2);
    EXPECT_EQ(steps(4.1, 2), 3);
    EXPECT_EQ(steps(0.1, 2), 1);
    EXPECT_EQ(steps(0.3, 0.1), 3);
    EXPECT_EQ(steps(3, 2), 2);
    EXPECT_EQ(steps(1e-9, 2), 1);
}

TEST(Present, HoldsAStillImageAndScoresEveryStep) {
    const auto shown = rcnn::present(settings(4), 0, 0, still());
    EXPECT_EQ(shown.frames.schedule, (std::vector<std::int32_t>{0, 0, 0, 0}));
    EXPECT_EQ(row(shown.labels, 0), (std::vector<std::int64_t>{3, 3, 3, 3}));
    EXPECT_EQ(row(shown.labels, 1), (std::vector<std::int64_t>{1, 1, 1, 1}));
}

TEST(Present, BlanksAndUnscoresWhatThePatternLeavesOut) {
    Settings s = settings(7, "10", 4.0);
    s.non_input_value = 0.5;
    s.non_label_index = -7;
    s.idle_timesteps = 3;
    const auto shown = rcnn::present(s, 0, 0, still());
    EXPECT_EQ(shown.frames.schedule, (std::vector<std::int32_t>{0, 0, 0, 0, o, o, o}));
    EXPECT_EQ(row(shown.labels, 0), (std::vector<std::int64_t>{-7, -7, 3, 3, -7, -7, -7}));
    EXPECT_EQ(shown.frames.blank_value, 0.5);
    EXPECT_EQ(shown.frames.idle_timesteps, 3);
}

// DynVision: x2, t_feedforward 4, R = 4, T = 6.
TEST(Present, WaitsForTheAnswerAfterTheInput) {
    const auto shown = rcnn::present(settings(6), 4, 0, still());
    EXPECT_EQ(shown.frames.schedule, (std::vector<std::int32_t>{0, 0, 0, 0, 0, 0, o, o, o, o}));
    EXPECT_EQ(row(shown.labels, 0), (std::vector<std::int64_t>{-1, -1, -1, -1, 3, 3, 3, 3, 3, 3}));
}

TEST(Present, WithoutLabelsThereAreNone) {
    dv::Batch batch = still(dv::Split::predict);
    batch.labels.reset();
    EXPECT_FALSE(rcnn::present(settings(4, "10"), 2, 0, batch).labels.defined());
}

TEST(Present, KeepsFramesThatComeWithTime) {
    dv::Batch batch = still();
    batch.frames = dv::Sequence::of(at::zeros({2, 3, 1, 2, 2}));
    batch.frames.schedule = {0, 2, o, 1};
    const auto shown = rcnn::present(settings(1, "1", 4.0), 1, 0, batch);
    EXPECT_EQ(shown.frames.schedule, (std::vector<std::int32_t>{0, 2, o, 1, o}));
    EXPECT_EQ(row(shown.labels, 1), (std::vector<std::int64_t>{-1, 1, 1, 1, 1}));

    batch.labels = at::tensor({0, 1, 2, 3, 4, 5, 6, 7}, at::kLong).view({2, 4});
    EXPECT_EQ(row(rcnn::present(settings(1), 1, 0, batch).labels, 1), (std::vector<std::int64_t>{-1, 4, 5, 6, 7}));
    batch.labels = at::zeros({2, 3}, at::kLong);
    EXPECT_THROW(rcnn::present(settings(1), 0, 0, batch), dv::Error);
}

TEST(Present, ShufflesForEachTrainingBatchAnew) {
    Settings s = settings(8, "11000000");
    s.shuffle_presentation_pattern = true;
    std::set<std::vector<std::int32_t>> seen;
    for (std::int64_t i = 0; i < 20; ++i) {
        dv::Batch batch = still();
        batch.batch_idx = i;
        const auto schedule = rcnn::present(s, 0, 9, batch).frames.schedule;
        EXPECT_EQ(std::count(schedule.begin(), schedule.end(), 0), 2);
        EXPECT_EQ(schedule, rcnn::present(s, 0, 9, batch).frames.schedule);
        seen.insert(schedule);
    }
    EXPECT_GT(seen.size(), 5u);
    dv::Batch next_epoch = still();
    next_epoch.epoch = 1;
    EXPECT_NE(rcnn::present(s, 0, 9, next_epoch).frames.schedule, rcnn::present(s, 0, 9, still()).frames.schedule);
    EXPECT_EQ(rcnn::present(s, 0, 9, still(dv::Split::val)).frames.schedule,
              (std::vector<std::int32_t>{0, 0, o, o, o, o, o, o}));
}

// ---- What is checked before -----------------------------------------------------------------------------------------

/// Warnings of check_presentation, or the parameter that it refuses.
std::string judged(const Settings& s, std::int64_t n_frames = 1) {
    dv::testing::Host host;
    dv::Component owner;
    owner.host = host.for_component("rcnn", "model", "model");
    try {
        rcnn::check_presentation(s, {.n_frames = n_frames}, owner);
    } catch (const dv::ParameterError& error) {
        return "refused: " + std::string(error.what());
    }
    return host.log_text(DV_LOG_WARNING);
}

TEST(CheckPresentation, SaysNothingOfWhatFits) {
    EXPECT_EQ(judged(settings(10)), "");
    EXPECT_EQ(judged(settings(10, "10110", 2.0)), "");
    EXPECT_EQ(judged(settings(1)), "");
    EXPECT_EQ(judged(settings(1), 15), "");
    EXPECT_EQ(judged(settings(15), 15), "");
}

TEST(CheckPresentation, WarnsOfPhasesOfDifferentLengths) {
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "4 entries, which do not divide 10 steps", judged(settings(10, "1011")));
}

TEST(CheckPresentation, WarnsOfAnInputThatIsNeverScored) {
    const std::string warning = judged(settings(10, "10111", 4.0));
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "steps 0 to 1", warning);
    EXPECT_PRED_FORMAT2(testing::IsNotSubstring, "steps 4", warning);
}

TEST(CheckPresentation, RefusesMoreEntriesThanSteps) {
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "refused: 'data_presentation_pattern' has 4 entries for 3 steps",
                        judged(settings(3, "1011")));
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "refused: 'data_presentation_pattern' has 2 entries for 1 steps",
                        judged(settings(1, "10")));
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "refused: 'data_presentation_pattern' is empty", judged(settings(3, "")));
}

TEST(CheckPresentation, RefusesAnotherNumberOfStepsThanTheDataHas) {
    const std::string refusal = judged(settings(20), 15);
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "refused: 'n_timesteps' is 20", refusal);
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "15 frames", refusal);
}

TEST(CheckPresentation, WarnsOfSettingsWithoutEffect) {
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "no effect", judged(settings(1, "1", 4.0)));
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "no effect", judged(settings(1, "10"), 15));
}

}  // namespace

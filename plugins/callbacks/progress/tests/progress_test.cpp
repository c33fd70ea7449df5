#include <gtest/gtest.h>
#include <dv/testing/load.hpp>

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using dv::testing::CallbackHandle;
using dv::testing::Config;
using dv::testing::Plugin;
using dv::testing::RunBuilder;

using Lines = std::vector<std::string>;

/// Sets variables of the environment and puts back what was there.
class Environment {
public:
    explicit Environment(std::vector<std::pair<const char*, const char*>> values) {
        for (const auto& [name, value] : values) {
            const char* former = std::getenv(name);
            former_.emplace_back(name, former ? std::optional<std::string>(former) : std::nullopt);
            setenv(name, value, 1);
        }
    }
    ~Environment() {
        for (const auto& [name, value] : former_) value ? setenv(name, value->c_str(), 1) : unsetenv(name);
    }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;

private:
    std::vector<std::pair<const char*, std::optional<std::string>>> former_;
};

class ProgressTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};
    RunBuilder run;

    dv::testing::Shown& console() { return plugin.host().console; }
    void pass(double seconds) { plugin.host().clock.monotonic += seconds; }

    CallbackHandle on_terminal(const Config& config = {}) {
        console().interactive = true;
        return plugin.make<dv::Callback>("progress", config);
    }
    CallbackHandle on_log(const Config& config = {}) {
        console().interactive = false;
        return plugin.make<dv::Callback>("progress", config);
    }

    void begin_fit(CallbackHandle& bar) {
        bar.phase(DV_FIT_START, run.stage(DV_STAGE_TRAIN));
        bar.phase(DV_TRAIN_EPOCH_START, run.epoch(0));
    }
    /// `n` batches from `first`, each taking `seconds`; the pictures that were drawn after each.
    Lines batches(CallbackHandle& bar, dv_phase phase, int first, int n, int total, double seconds) {
        Lines drawn;
        for (int i = first; i < first + n; ++i) {
            pass(seconds);
            console().status.clear();
            bar.phase(phase, run.batch(i, total));
            drawn.push_back(console().status);
        }
        return drawn;
    }
};

// --- On a terminal -------------------------------------------------------------------------------------------------

TEST_F(ProgressTest, TheBarShowsShareCountTimesSpeedAndMetrics) {
    console().width = 80;
    auto bar = on_terminal({{"glyphs", "ascii"}});
    begin_fit(bar);
    run.metric("train/loss", 0.4123);
    const Lines drawn = batches(bar, DV_TRAIN_BATCH_END, 0, 4, 10, 2.0);
    EXPECT_EQ(drawn.back(), "Epoch 0:  40%|########              | 4/10 [00:08<00:12, 2s/it] train/loss 0.412");
}

TEST_F(ProgressTest, ValuesLoggedForTheBarFollowThoseThatAreNamed) {
    console().width = 100;
    auto bar = on_terminal({{"glyphs", "ascii"}});
    begin_fit(bar);
    run.shown_metric("margin", 2.0).metric("hidden", 7.0).shown_metric("train/loss", 0.5);
    const Lines drawn = batches(bar, DV_TRAIN_BATCH_END, 0, 4, 10, 2.0);
    EXPECT_TRUE(drawn.back().ends_with("train/loss 0.5 margin 2")) << drawn.back();
}

TEST_F(ProgressTest, ItIsRedrawnAtMostEveryTenthOfASecond) {
    auto bar = on_terminal({{"glyphs", "ascii"}});
    begin_fit(bar);
    int pictures = 0;
    for (const std::string& line : batches(bar, DV_TRAIN_BATCH_END, 0, 1000, 1000, 0.01))
        pictures += line.empty() ? 0 : 1;
    EXPECT_GE(pictures, 90);  // ten seconds
    EXPECT_LE(pictures, 101);
}

TEST_F(ProgressTest, NoLineIsWiderThanTheTerminal) {
    auto bar = on_terminal({{"glyphs", "ascii"}});
    begin_fit(bar);
    run.metric("train/loss", 0.4).metric("val/loss", 0.5).metric("val/accuracy", 0.9);
    for (int width = 1; width < 200; ++width) {
        console().width = width;
        const std::string line = batches(bar, DV_TRAIN_BATCH_END, 3, 1, 10, 1.0).back();
        ASSERT_LE(line.size(), static_cast<std::size_t>(width)) << line;
        ASSERT_FALSE(line.empty());
    }
}

TEST_F(ProgressTest, WhatFindsNoRoomIsLeftOutFromTheEnd) {
    auto bar = on_terminal({{"glyphs", "ascii"}});
    begin_fit(bar);
    run.metric("train/loss", 0.5).metric("val/loss", 0.25).metric("val/accuracy", 0.75);
    const auto line_of = [&](int width) {
        console().width = width;
        return batches(bar, DV_TRAIN_BATCH_END, 4, 1, 10, 1.0).back();
    };
    EXPECT_NE(line_of(120).find("train/loss 0.5 val/loss 0.25 val/accuracy 0.75"), std::string::npos);
    EXPECT_TRUE(line_of(75).ends_with("val/loss 0.25")) << line_of(75);
    EXPECT_TRUE(line_of(65).ends_with("train/loss 0.5")) << line_of(65);
    EXPECT_TRUE(line_of(50).ends_with("]")) << line_of(50);
    EXPECT_EQ(line_of(20), "Epoch 0:  50% 5/10 [");
}

TEST_F(ProgressTest, TheBarGrowsByEighthsOfAColumn) {
    console().width = 60;
    auto bar = on_terminal({{"glyphs", "unicode"}});
    begin_fit(bar);
    const std::string line = batches(bar, DV_TRAIN_BATCH_END, 0, 1, 3, 1.0).back();
    EXPECT_NE(line.find("|"), std::string::npos);
    EXPECT_NE(line.find("\u2588"), std::string::npos) << line;
    std::size_t n = 0;
    for (const char c : line) n += (static_cast<unsigned char>(c) & 0xC0u) != 0x80u;
    EXPECT_LE(n, 60u);
}

TEST_F(ProgressTest, TheLocaleChoosesTheGlyphs) {
    const auto draws_blocks = [&](const Environment&) {
        Plugin fresh(DV_PLUGIN_UNDER_TEST);
        auto bar = fresh.make<dv::Callback>("progress");
        bar.phase(DV_TRAIN_EPOCH_START, run);
        fresh.host().clock.monotonic += 1.0;
        bar.phase(DV_TRAIN_BATCH_END, run.batch(4, 10));
        EXPECT_FALSE(fresh.host().console.status.empty());
        return fresh.host().console.status.find("\u2588") != std::string::npos;
    };
    EXPECT_TRUE(draws_blocks(Environment({{"LC_ALL", ""}, {"LC_CTYPE", ""}, {"LANG", "en_US.UTF-8"}})));
    EXPECT_TRUE(draws_blocks(Environment({{"LC_ALL", "C.utf8"}, {"LC_CTYPE", "C"}, {"LANG", "C"}})));
    EXPECT_FALSE(draws_blocks(Environment({{"LC_ALL", ""}, {"LC_CTYPE", "C"}, {"LANG", "en_US.UTF-8"}})));
    EXPECT_FALSE(draws_blocks(Environment({{"LC_ALL", ""}, {"LC_CTYPE", ""}, {"LANG", ""}})));
}

TEST_F(ProgressTest, AnEpochLeavesALineAndTakesTheBarAway) {
    auto bar = on_terminal();
    begin_fit(bar);
    batches(bar, DV_TRAIN_BATCH_END, 0, 937, 938, 0.0);
    EXPECT_FALSE(batches(bar, DV_TRAIN_BATCH_END, 937, 1, 938, 31.5).back().empty());
    bar.phase(DV_TRAIN_EPOCH_END, run.metric("val/accuracy", 0.8714).metric("train/loss", 0.41199));
    EXPECT_EQ(console().status, "");
    EXPECT_EQ(console().printed, (Lines{"Epoch 0: 938/938 [00:31] train/loss 0.412 val/accuracy 0.871"}));
}

TEST_F(ProgressTest, EachLoopHasItsName) {
    console().width = 70;
    auto bar = on_terminal({{"glyphs", "ascii"}});
    const auto first = [&](dv_phase start, dv_phase batch_end, dv_stage stage) {
        bar.phase(start, run.stage(stage));
        const std::string line = batches(bar, batch_end, 0, 1, 2, 1.0).back();
        return line.substr(0, line.find('%'));
    };
    bar.phase(DV_FIT_START, run);
    EXPECT_EQ(first(DV_VALIDATION_START, DV_VALIDATION_BATCH_END, DV_STAGE_SANITY_CHECK), "Sanity Checking:  50");
    EXPECT_EQ(first(DV_TRAIN_EPOCH_START, DV_TRAIN_BATCH_END, DV_STAGE_TRAIN), "Epoch 0:  50");
    EXPECT_EQ(first(DV_VALIDATION_START, DV_VALIDATION_BATCH_END, DV_STAGE_VALIDATE), "Validation:  50");
    EXPECT_EQ(first(DV_TEST_START, DV_TEST_BATCH_END, DV_STAGE_TEST), "Testing:  50");
    EXPECT_EQ(first(DV_PREDICT_START, DV_PREDICT_BATCH_END, DV_STAGE_PREDICT), "Predicting:  50");
}

TEST_F(ProgressTest, AValidationWithinAnEpochDoesNotSlowItsSpeedDown) {
    console().width = 70;
    auto bar = on_terminal({{"glyphs", "ascii"}});
    begin_fit(bar);
    batches(bar, DV_TRAIN_BATCH_END, 0, 5, 10, 1.0);
    bar.phase(DV_VALIDATION_START, run.stage(DV_STAGE_VALIDATE));
    batches(bar, DV_VALIDATION_BATCH_END, 0, 10, 10, 100.0);
    bar.phase(DV_VALIDATION_END, run);
    EXPECT_EQ(console().status, "");
    EXPECT_TRUE(console().printed.empty());
    const std::string line = batches(bar, DV_TRAIN_BATCH_END, 5, 1, 10, 1.0).back();
    EXPECT_NE(line.find("6/10 [16:46<00:04, 1it/s]"), std::string::npos) << line;
}

TEST_F(ProgressTest, AValidationWithinAnEpochShowsBothBars) {
    console().width = 100;
    auto bar = on_terminal({{"glyphs", "ascii"}});
    begin_fit(bar);
    batches(bar, DV_TRAIN_BATCH_END, 0, 5, 10, 1.0);
    bar.phase(DV_VALIDATION_START, run.stage(DV_STAGE_VALIDATE));
    EXPECT_EQ(
        batches(bar, DV_VALIDATION_BATCH_END, 0, 3, 4, 1.0).back(),
        "Validation:  75%|##################      | 3/4 [00:03<00:01, 1it/s] | Epoch 0:  50%|#####     | 5/10");
    for (int width = 1; width < 160; ++width) {
        console().width = width;
        ASSERT_LE(batches(bar, DV_VALIDATION_BATCH_END, 2, 1, 4, 1.0).back().size(), static_cast<std::size_t>(width));
    }
    bar.phase(DV_VALIDATION_END, run);
    bar.phase(DV_TRAIN_EPOCH_END, run.stage(DV_STAGE_TRAIN));
    bar.phase(DV_FIT_END, run);
    console().width = 100;
    bar.phase(DV_VALIDATION_START, run.stage(DV_STAGE_VALIDATE));
    EXPECT_EQ(batches(bar, DV_VALIDATION_BATCH_END, 0, 1, 4, 1.0).back().find("Epoch"), std::string::npos);
}

TEST_F(ProgressTest, TheSpeedFollowsTheRecentPast) {
    console().width = 70;
    auto bar = on_terminal({{"glyphs", "ascii"}});
    begin_fit(bar);
    batches(bar, DV_TRAIN_BATCH_END, 0, 1, 100, 60.0);  // the first batch is slow
    const std::string line = batches(bar, DV_TRAIN_BATCH_END, 1, 40, 100, 0.5).back();
    EXPECT_NE(line.find("2it/s"), std::string::npos) << line;
    EXPECT_NE(line.find("<00:29"), std::string::npos) << line;  // 59 batches
}

TEST_F(ProgressTest, ALoopOfUnknownLengthIsCounted) {
    console().width = 70;
    auto bar = on_terminal();
    begin_fit(bar);
    run.metric("train/loss", 1234.5);
    EXPECT_EQ(batches(bar, DV_TRAIN_BATCH_END, 0, 3, -1, 0.5).back(), "Epoch 0: 3it [00:01, 2it/s] train/loss 1234");
}

// --- Elsewhere -----------------------------------------------------------------------------------------------------

TEST_F(ProgressTest, WithoutATerminalALineIsPrintedEveryFewSeconds) {
    auto bar = on_log();
    begin_fit(bar);
    run.metric("train/loss", 0.5);
    batches(bar, DV_TRAIN_BATCH_END, 0, 12, 100, 1.0);
    EXPECT_EQ(console().printed, (Lines{"Epoch 0: 5/100 (5%) [00:05<01:35, 1it/s] train/loss 0.5",
                                        "Epoch 0: 10/100 (10%) [00:10<01:30, 1it/s] train/loss 0.5"}));
    EXPECT_EQ(console().status, "");
}

TEST_F(ProgressTest, OrAfterEachShareOfTheLoop) {
    auto bar = on_log({{"refresh_percent", 25.0}});
    begin_fit(bar);
    batches(bar, DV_TRAIN_BATCH_END, 0, 10, 10, 3600.0);
    bar.phase(DV_TRAIN_EPOCH_END, run);
    Lines heads;
    for (const std::string& line : console().printed) heads.push_back(line.substr(0, line.find(" [")));
    EXPECT_EQ(heads, (Lines{"Epoch 0: 3/10 (30%)", "Epoch 0: 5/10 (50%)", "Epoch 0: 8/10 (80%)", "Epoch 0: 10/10"}));
    EXPECT_EQ(console().printed.back(), "Epoch 0: 10/10 [10:00:00]");
}

TEST_F(ProgressTest, AFastValidationWithinFitPrintsNothing) {
    auto bar = on_log();
    begin_fit(bar);
    bar.phase(DV_VALIDATION_START, run.stage(DV_STAGE_VALIDATE));
    batches(bar, DV_VALIDATION_BATCH_END, 0, 10, 10, 0.1);
    bar.phase(DV_VALIDATION_END, run);
    EXPECT_TRUE(console().printed.empty());
}

TEST_F(ProgressTest, AnEvaluationOfItsOwnLeavesALineWithAllItsMetrics) {
    auto bar = on_log();
    run.metric("train/loss", 9.0).metric("val/top5", 0.99).metric("test/loss", 0.25).metric("test/accuracy", 0.5);
    bar.phase(DV_TEST_START, run.stage(DV_STAGE_TEST));
    batches(bar, DV_TEST_BATCH_END, 0, 4, 4, 0.5);
    bar.phase(DV_TEST_END, run);
    bar.phase(DV_VALIDATION_START, run.stage(DV_STAGE_VALIDATE));
    batches(bar, DV_VALIDATION_BATCH_END, 0, 4, 4, 0.5);
    bar.phase(DV_VALIDATION_END, run);
    EXPECT_EQ(console().printed, (Lines{"Testing: 4/4 [00:02] test/loss 0.25 test/accuracy 0.5",
                                        "Validation: 4/4 [00:02] val/top5 0.99"}));
}

TEST_F(ProgressTest, AnErrorLeavesTheLineOfTheLoopItWasIn) {
    auto bar = on_terminal();
    begin_fit(bar);
    batches(bar, DV_TRAIN_BATCH_END, 0, 3, 10, 1.0);
    bar.phase(DV_EXCEPTION, run.metric("train/loss", 2.0).message("out of memory"));
    bar.phase(DV_TEARDOWN, run);
    EXPECT_EQ(console().printed, (Lines{"Epoch 0: 3/10 [00:03] train/loss 2"}));
    EXPECT_EQ(console().status, "");
}

TEST_F(ProgressTest, MetricsAreThoseThatWereChosen) {
    auto bar = on_log({{"metrics", dv::testing::list("b", "a", "missing")}});
    begin_fit(bar);
    run.metric("a", 1e-5).metric("b", -1234567.0).metric("train/loss", 1.0);
    batches(bar, DV_TRAIN_BATCH_END, 0, 1, 1, 1.0);
    bar.phase(DV_TRAIN_EPOCH_END, run);
    EXPECT_EQ(console().printed, (Lines{"Epoch 0: 1/1 [00:01] b -1.23e+06 a 1e-05"}));
}

TEST_F(ProgressTest, AHostWithoutATerminalForPluginsIsRefused) {
    plugin.host().withhold(DV_EXT_CONSOLE);
    try {
        on_terminal();
        FAIL() << "made without a console";
    } catch (const dv::ComponentError& error) {
        EXPECT_NE(error.text.find("dv.console/1"), std::string::npos) << error.text;
    }
}

}  // namespace

#include <dv/testing/load.hpp>

#include <gtest/gtest.h>

#include <cmath>

using dv::testing::Plugin;
using dv::testing::RunBuilder;

namespace {

const double kNoNumber = std::nan("");

TEST(@CLASS_NAME@, StopsAfterAsManyBadStepsAsItHasPatience) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    auto callback = plugin.make<dv::Callback>("@ID@", {{"patience", 2}});
    callback.phase(DV_TRAIN_START);
    EXPECT_FALSE(callback.phase(DV_TRAIN_BATCH_END, RunBuilder().metric("train/loss", kNoNumber)).stopped());
    const auto answer = callback.phase(DV_TRAIN_BATCH_END, RunBuilder().metric("train/loss", kNoNumber));
    ASSERT_TRUE(answer.stopped());
    EXPECT_NE(answer.stop_reason->find("train/loss has been"), std::string::npos) << *answer.stop_reason;
}

TEST(@CLASS_NAME@, AGoodStepStartsTheCountAgain) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    auto callback = plugin.make<dv::Callback>("@ID@", {{"patience", 2}});
    for (const double loss : {kNoNumber, 0.5, HUGE_VAL, 0.5}) {
        EXPECT_FALSE(callback.phase(DV_TRAIN_BATCH_END, RunBuilder().metric("train/loss", loss)).stopped());
    }
}

TEST(@CLASS_NAME@, LooksAtTheMetricThatIsNamed) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    auto callback = plugin.make<dv::Callback>("@ID@", {{"monitor", "train/energy"}, {"patience", 1}});
    EXPECT_FALSE(callback.phase(DV_TRAIN_BATCH_END, RunBuilder().metric("train/loss", kNoNumber)).stopped());
    EXPECT_TRUE(callback.phase(DV_TRAIN_BATCH_END, RunBuilder().metric("train/energy", kNoNumber)).stopped());
}

}  // namespace

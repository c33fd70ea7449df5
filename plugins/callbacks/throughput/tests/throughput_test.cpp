#include <dv/testing/load.hpp>

#include <gtest/gtest.h>

namespace {

using dv::testing::AnswerLog;
using dv::testing::CallbackHandle;
using dv::testing::Config;
using dv::testing::Plugin;
using dv::testing::RunBuilder;

class ThroughputTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};
    RunBuilder run;
    std::int64_t n = 0;

    CallbackHandle started(const Config& config) {
        auto callback = plugin.make<dv::Callback>("throughput", config);
        callback.phase(DV_TRAIN_START, run.stage(DV_STAGE_TRAIN).log_due());
        return callback;
    }
    /// A batch of 8 samples.
    AnswerLog batch(CallbackHandle& callback, double seconds) {
        plugin.host().clock.monotonic += seconds;
        ++n;
        return callback.phase(DV_TRAIN_BATCH_END, run.samples(n, 8 * n));
    }
};

TEST_F(ThroughputTest, SpeedsAreThoseOfTheWindow) {
    auto callback = started({{"window_size", 2}});
    batch(callback, 10.0);
    batch(callback, 0.5);
    const AnswerLog last = batch(callback, 0.25);
    EXPECT_EQ(last.value("train|time"), 10.75);
    EXPECT_EQ(last.value("train|batches"), 3.0);
    EXPECT_EQ(last.value("train|samples"), 24.0);
    EXPECT_NEAR(*last.value("train|device/batches_per_sec"), 2 / 0.75, 1e-12);
    EXPECT_NEAR(*last.value("train|device/samples_per_sec"), 16 / 0.75, 1e-12);
    EXPECT_FALSE(last.value("train|device/flops_per_sec"));
    EXPECT_TRUE(last.misplaced.empty());
}

TEST_F(ThroughputTest, TheShareOfWhatTheDeviceCanDo) {
    auto callback = started({{"flops_per_sample", 1e9}, {"available_flops", 1e11}, {"separator", "/"}});
    const AnswerLog first = batch(callback, 0.5);
    EXPECT_NEAR(*first.value("train/device/flops_per_sec"), 1.6e10, 1.0);
    EXPECT_NEAR(*first.value("train/device/mfu"), 0.16, 1e-12);
}

TEST_F(ThroughputTest, AValidationDoesNotCount) {
    auto callback = started({});
    batch(callback, 1.0);
    callback.phase(DV_VALIDATION_START, run);
    plugin.host().clock.monotonic += 100.0;
    callback.phase(DV_VALIDATION_END, run);
    const AnswerLog last = batch(callback, 1.0);
    EXPECT_NEAR(*last.value("train|device/batches_per_sec"), 1.0, 1e-12);
    EXPECT_NEAR(*last.value("train|time"), 2.0, 1e-12);
}

TEST_F(ThroughputTest, NothingIsLoggedUnlessItIsDue) {
    auto callback = started({});
    run.log_due(false);
    EXPECT_TRUE(batch(callback, 1.0).logged.empty());
}

TEST_F(ThroughputTest, AFirstHostHasBatchesOnly) {
    run.of_minor_0();
    auto callback = started({});
    const AnswerLog last = batch(callback, 0.5);
    EXPECT_EQ(last.value("train|device/batches_per_sec"), 2.0);
    EXPECT_FALSE(last.value("train|samples"));
}

TEST_F(ThroughputTest, AShareNeedsBoth) { EXPECT_THROW(started({{"available_flops", 1e12}}), dv::ComponentError); }

}  // namespace

#include <dv/testing/load.hpp>

#include <gtest/gtest.h>

#include <filesystem>

namespace {

using dv::testing::CallbackHandle;
using dv::testing::Config;
using dv::testing::Plugin;
using dv::testing::RunBuilder;

class ExceptionCheckpointTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};
    RunBuilder run;
    CallbackHandle make(const Config& config = {}) { return plugin.make<dv::Callback>("exception_checkpoint", config); }
    bool there() { return std::filesystem::exists(plugin.host().run_dir() / "checkpoints" / "on_exception.ckpt"); }
};

TEST_F(ExceptionCheckpointTest, AFailureIsSavedAndASuccessTidiesUp) {
    plugin.host().holds_checkpoints = true;  // it cannot wait
    auto callback = make();
    callback.phase(DV_FIT_START, run);
    callback.phase(DV_EXCEPTION, run.message("out of memory"));
    EXPECT_TRUE(there());
    EXPECT_FALSE(plugin.host().checkpoints().front().weights_only);
    callback.phase(DV_TEARDOWN, run.message("failed"));
    EXPECT_TRUE(there());

    auto again = make();
    again.phase(DV_FIT_START, run);
    again.phase(DV_FIT_END, run);
    again.phase(DV_TEARDOWN, run.message("success"));
    EXPECT_FALSE(there());
}

TEST_F(ExceptionCheckpointTest, OutsideOfFitAndInADryRunNothingIsSaved) {
    auto callback = make();
    callback.phase(DV_EXCEPTION, run);
    callback.phase(DV_FIT_START, run);
    callback.phase(DV_FIT_END, run);
    callback.phase(DV_EXCEPTION, run);
    callback.phase(DV_FIT_START, run.fast_dev_run());
    callback.phase(DV_EXCEPTION, run);
    EXPECT_TRUE(plugin.host().checkpoints().empty());
}

TEST_F(ExceptionCheckpointTest, WhatCannotWorkIsRefused) {
    EXPECT_THROW(make({{"filename", "../x"}}), dv::ComponentError);
    plugin.host().withhold(DV_EXT_CHECKPOINT);
    auto callback = make();
    try {
        callback.phase(DV_FIT_START, run);
        FAIL() << "a host without dv.checkpoint was accepted";
    } catch (const dv::ComponentError& error) {
        EXPECT_NE(error.text.find("dv.checkpoint/1"), std::string::npos) << error.text;
    }
}

}  // namespace

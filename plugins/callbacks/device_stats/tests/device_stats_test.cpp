#include "system.hpp"

#include <dv/testing/load.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace {

namespace fs = std::filesystem;
using dv::testing::AnswerLog;
using dv::testing::CallbackHandle;
using dv::testing::Config;
using dv::testing::Plugin;
using dv::testing::RunBuilder;

/// A /proc of our own.
class SystemTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};  // for its temporary folder
    fs::path proc = plugin.host().run_dir() / "proc";

    void SetUp() override { fs::create_directories(proc / "self"); }
    void write(const char* name, const char* text) { std::ofstream(proc / name) << text; }
    static std::map<std::string, double> as_map(const device_stats::Values& values) {
        return {values.begin(), values.end()};
    }
};

TEST_F(SystemTest, TheLoadIsThatSinceTheLastLook) {
    device_stats::System system(proc);
    write("stat", "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 1 1 1\n");
    system.read();
    write("stat", "cpu  150 0 125 710 115 0 0 0 0 0\n");  // 100 ticks, 25 of them idle or waiting
    EXPECT_EQ(as_map(system.read()).at("cpu_percent"), 75.0);
    EXPECT_FALSE(as_map(system.read()).contains("cpu_percent"));  // no time has passed
}

TEST_F(SystemTest, MemoryAndSwap) {
    device_stats::System system(proc);
    write("meminfo",
          "MemTotal:       8000 kB\nMemFree: 1 kB\nMemAvailable:   6000 kB\nSwapTotal:  0 kB\nSwapFree: 0 kB\n");
    write("self/statm", "100 3 2 1 0 1 0\n");
    const auto values = as_map(system.read());
    EXPECT_EQ(values.at("cpu_vm_percent"), 25.0);
    EXPECT_EQ(values.at("cpu_swap_percent"), 0.0);
    EXPECT_GE(values.at("process_rss_bytes"), 3 * 4096.0);
    EXPECT_FALSE(values.contains("cpu_percent"));
}

TEST_F(SystemTest, WhatIsNotThereIsLeftOut) { EXPECT_TRUE(device_stats::System(proc / "none").read().empty()); }

class DeviceStatsTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};
    RunBuilder run;
    CallbackHandle ready(Config config) {
        config.set("cpu_stats", true);
        auto callback = plugin.make<dv::Callback>("device_stats", config);
        callback.phase(DV_SETUP, run.stage(DV_STAGE_TRAIN).log_due());
        return callback;
    }
};

TEST_F(DeviceStatsTest, NamesSayWhereTheyWereLogged) {
    auto callback = ready({});
    const AnswerLog end = callback.phase(DV_TRAIN_BATCH_END, run);
    EXPECT_GT(end.value("DeviceStatsMonitor.on_train_batch_end/cpu_vm_percent").value_or(0.0), 0.0);
    EXPECT_GT(end.value("DeviceStatsMonitor.on_train_batch_end/process_rss_bytes").value_or(0.0), 1e5);
    EXPECT_TRUE(end.misplaced.empty());
    EXPECT_TRUE(callback.phase(DV_VALIDATION_BATCH_START, run)
                    .value("DeviceStatsMonitor.on_validation_batch_start/cpu_vm_percent"));
    EXPECT_TRUE(callback.phase(DV_TEST_BATCH_END, run).value("DeviceStatsMonitor.on_test_batch_end/cpu_vm_percent"));
}

TEST_F(DeviceStatsTest, NothingIsLoggedUnlessItIsDue) {
    auto callback = ready({});
    EXPECT_TRUE(callback.phase(DV_TRAIN_BATCH_END, run.log_due(false)).logged.empty());
    EXPECT_TRUE(callback.phase(DV_VALIDATION_BATCH_END, run.log_due().stage(DV_STAGE_SANITY_CHECK)).logged.empty());
}

TEST_F(DeviceStatsTest, ValuesCanBeChosen) {
    auto callback = ready({{"filter_keys", dv::testing::list("rss", "swap")}});
    for (const auto& [name, value] : callback.phase(DV_TRAIN_BATCH_START, run).logged) {
        EXPECT_TRUE(name.find("rss") != std::string::npos || name.find("swap") != std::string::npos) << name;
    }
    EXPECT_FALSE(callback.phase(DV_TRAIN_BATCH_START, run).logged.empty());
}

}  // namespace

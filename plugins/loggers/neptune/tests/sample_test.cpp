/// What tests/read_neptune.py reads back; its expectations are there.
#include <dv/testing/load.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace {

namespace fs = std::filesystem;
using dv::testing::Config;
using dv::testing::list;
using dv::testing::Metrics;
using dv::testing::Plugin;

constexpr double kStart = 1.7e9;

class Sample : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};
    fs::path folder() {
        const char* given = std::getenv("DV_READER_DIR");
        return given ? fs::path(given) : plugin.host().run_dir();
    }
    auto open(std::string_view id, Config config = {}) {
        plugin.host().clock.wall = kStart;
        config.set("save_dir", folder());
        config.set("run_id", id);
        config.set("project", "ws/caf\xC3\xA9");
        return plugin.make<dv::Logger>("neptune", config);
    }
};

TEST_F(Sample, QuickstartForReaders) {
    const std::array limits{0.0, 1.0};
    const std::array counts{1.0, 300.0};
    auto logger = open("good", {{"experiment_name", "e"}, {"tags", list("x")}});
    logger.hyperparameters(Config{{"seed", 7}, {"lr", 0.1}, {"model", Config{{"type", "rcnn"}}}});
    for (int step = 0; step < 50; ++step) {
        logger.metrics({{"loss", 1.0 / (1 + step)}}, step * 10, step / 10, kStart + step);
    }
    logger.text("note", "hello caf\xC3\xA9", 490);
    logger.histogram("weights", {sizeof(dv_histogram), 2, limits.data(), counts.data(), -1, 1, 0, 0, 301}, 490);
    std::ofstream(folder() / "last.json") << "{}";
    logger.artifact("checkpoint", (folder() / "last.json").string());
    logger.finalize();
    EXPECT_TRUE(fs::exists(folder() / ".neptune"));
}

TEST_F(Sample, TortureForReaders) {
    auto odd = open("odd");
    odd.metrics({{"a b", 1.0}, {"sl/a/sh", 2.0}, {"\xF0\x9F\x9A\x80", 3.0}, {"nan", std::nan("")}, {"large", 1e308}}, 0,
                -1, kStart);
    for (const int step : {5, 3, 9}) odd.metrics({{"unordered", step * 1.0}}, step, -1, kStart);
    odd.finalize();

    auto many = open("many");
    Metrics row;
    for (int i = 0; i < 10000; ++i) row.emplace_back("metric/" + std::to_string(i), 0.0);
    for (int step = 0; step < 100; ++step) {
        for (int i = 0; i < 10000; ++i) row[static_cast<std::size_t>(i)].second = i + step / 128.0;
        many.metrics(row, step, -1, kStart + step);
    }
    many.finalize();
    EXPECT_TRUE(fs::exists(folder() / ".neptune"));
}

}  // namespace

/// What tests/read_comet.py reads back; its expectations are there.
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
    auto open(char name, Config config = {}) {
        plugin.host().clock.wall = kStart;
        config.set("save_dir", folder());
        config.set("experiment_key", std::string(32, name));
        return plugin.make<dv::Logger>("comet", config);
    }
};

TEST_F(Sample, QuickstartForReaders) {
    const fs::path file = plugin.host().run_dir() / "last.ckpt";
    std::ofstream(file) << "weights";
    const std::array limits{0.0, 1.0};
    const std::array counts{1.0, 3.0};
    for (const bool good : {true, false}) {
        auto logger = open(good ? 'a' : 'b',
                           {{"project", "p"}, {"workspace", "w"}, {"name", "caf\xC3\xA9"}, {"tags", list("x")}});
        logger.hyperparameters(
            Config{{"lr", 0.1}, {"on", true}, {"model", Config{{"type", "rcnn"}, {"limit", HUGE_VAL}}}});
        for (int step = 0; step < 50; ++step) {
            logger.metrics({{"train/loss", 1.0 / (1 + step)}}, step * 10, step / 10, kStart + step);
        }
        logger.text("note", "hello", 490);
        logger.image("pixel", {sizeof(dv_image), 1, 1, 1, {"png", 3}}, 490);
        logger.histogram("weights", {sizeof(dv_histogram), 2, limits.data(), counts.data(), -1, 1, 0, 0, 4}, 490);
        logger.artifact("checkpoint", file.string());
        logger.finalize(good ? "success" : "failed");
    }
    EXPECT_TRUE(fs::exists(folder() / (std::string(32, 'a') + ".zip")));
}

TEST_F(Sample, TortureForReaders) {
    auto odd = open('c');
    odd.metrics({{"a b", 1.0}, {"sl/a/sh", 2.0}, {"caf\xC3\xA9 \xF0\x9F\x9A\x80", 3.0}, {"quo\"te", 4.0}}, 0, -1,
                kStart);
    odd.metrics({{"nan", std::nan("")}, {"inf", HUGE_VAL}, {"down", -HUGE_VAL}, {"large", 1e308}}, 1, -1, kStart);
    for (const int step : {5, 3, 9}) odd.metrics({{"unordered", step * 1.0}}, step, -1, kStart);
    odd.finalize();

    auto many = open('d');
    Metrics row;
    for (int i = 0; i < 10000; ++i) row.emplace_back("metric/" + std::to_string(i), 0.0);
    for (int step = 0; step < 10; ++step) {
        for (int i = 0; i < 10000; ++i) row[static_cast<std::size_t>(i)].second = i + step / 128.0;
        many.metrics(row, step, -1, kStart + step);
    }
    many.finalize();
    EXPECT_TRUE(fs::exists(folder() / (std::string(32, 'd') + ".zip")));
}

}  // namespace

/// What tests/read_tensorboard.py reads back; its expectations are there.
#include <dv/testing/load.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>

namespace {

namespace fs = std::filesystem;
using dv::testing::Config;
using dv::testing::list;
using dv::testing::Metrics;
using dv::testing::Plugin;

constexpr int kNames = 10000, kSteps = 100;
constexpr double kStart = 1.7e9;

/// A grey pixel.
constexpr unsigned char kPng[] = {0x89, 'P',  'N',  'G',  0x0d, 0x0a, 0x1a, 0x0a, 0,    0,    0,    0x0d, 'I',  'H',
                                  'D',  'R',  0,    0,    0,    1,    0,    0,    0,    1,    8,    0,    0,    0,
                                  0,    0x3a, 0x7e, 0x9b, 0x55, 0,    0,    0,    0x0a, 'I',  'D',  'A',  'T',  0x78,
                                  0x9c, 0x63, 0x68, 0,    0,    0,    0x82, 0,    0x81, 0x77, 0xcd, 0x72, 0xb6, 0,
                                  0,    0,    0,    'I',  'E',  'N',  'D',  0xae, 0x42, 0x60, 0x82};

class Sample : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};
    fs::path folder() {
        const char* given = std::getenv("DV_READER_DIR");
        return given ? fs::path(given) : plugin.host().run_dir();
    }
    auto open(std::string_view run, Config config = {}) {
        config.set("save_dir", folder());
        config.set("version", run);
        return plugin.make<dv::Logger>("tensorboard", config);
    }
};

TEST_F(Sample, SampleForReaders) {
    const std::array limits{-1.0, 0.0, 1.0, 2.0};
    const std::array counts{1.0, 3.0, 0.0, 5.0};
    for (const char* run : {"good", "bad"}) {
        const bool good = std::string_view(run) == "good";
        auto logger = open(run, {{"chart", list(Config{{"title", "both"}, {"tags", list("train/.*", "val/.*")}})}});
        logger.hyperparameters(Config{{"lr", good ? 0.1 : 0.2},
                                      {"deterministic", good},
                                      {"model", Config{{"type", "rcnn"}, {"limit", HUGE_VAL}}},
                                      {"callback", list(Config{{"type", "checkpoint"}})}});
        for (int step = 0; step < 50; ++step) {
            logger.metrics({{"train/loss", 1.0 / (1 + step)}}, step, step / 10, kStart + step);
            if (step % 10 == 9) logger.metrics({{"val/loss", 2.0 / (1 + step)}}, step, step / 10, kStart + step);
        }
        logger.text("note", "**bold** caf\xC3\xA9", 7);
        logger.image("pixel", {sizeof(dv_image), 1, 1, 1, {reinterpret_cast<const char*>(kPng), sizeof kPng}}, 8);
        logger.histogram("weights", {sizeof(dv_histogram), 4, limits.data(), counts.data(), -1.5, 1.75, 6, 9, 9}, 9);
        logger.finalize(good ? "success" : "failed");
    }
    EXPECT_TRUE(fs::exists(folder() / "good"));
}

TEST_F(Sample, TortureForReaders) {
    auto logger = open("torture");
    logger.metrics({{"a b", 1.0}, {"sl/a/sh", 2.0}, {"caf\xC3\xA9 \xF0\x9F\x9A\x80", 3.0}}, 0, -1, kStart);
    logger.metrics({{"special", std::nan("")}}, 0, -1, kStart);
    logger.metrics({{"special", HUGE_VAL}}, 1, -1, kStart);
    logger.metrics({{"special", -HUGE_VAL}}, 2, -1, kStart);
    logger.metrics({{"special", 1e308}}, 3, -1, kStart);
    for (const int step : {5, 3, 9}) logger.metrics({{"unordered", step * 1.0}}, step, -1, kStart);
    logger.finalize();

    auto many = open("many");
    Metrics row;
    for (int i = 0; i < kNames; ++i) row.emplace_back("metric/" + std::to_string(i), 0.0);
    for (int step = 0; step < kSteps; ++step) {
        for (int i = 0; i < kNames; ++i) row[static_cast<std::size_t>(i)].second = i + step / 128.0;
        many.metrics(row, step, -1, kStart + step);
    }
    many.finalize();

    auto lightning = open("lightning", {{"compat", "lightning"}});
    lightning.hyperparameters(Config{{"lr", 0.1}});
    for (int step = 0; step < 20; ++step) lightning.metrics({{"loss", step * 0.5}}, step, -1, kStart + step);
    lightning.finalize();
    EXPECT_TRUE(fs::exists(folder() / "many"));
}

}  // namespace

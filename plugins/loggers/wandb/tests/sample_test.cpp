/// What tests/read_wandb.py and tests/read_datastore.py read back; their expectations are there.
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
        config.set("id", id);
        config.set("project", "proj");
        return plugin.make<dv::Logger>("wandb", config);
    }
};

TEST_F(Sample, QuickstartForReaders) {
    const std::string png = "not really a picture";
    const std::array limits{0.0, 1.0, 2.0};
    const std::array counts{1.0, 3.0, 5.0};
    for (const char* id : {"good", "bad"}) {
        const bool good = std::string_view(id) == "good";
        auto logger = open(id, {{"name", "a caf\xC3\xA9"}, {"group", "g"}, {"tags", list("x", "y z")}, {"notes", "n"}});
        logger.hyperparameters(
            Config{{"seed", 7}, {"lr", 0.1}, {"model", Config{{"type", "rcnn"}, {"limit", HUGE_VAL}}}});
        for (int step = 0; step < 50; ++step) {
            logger.metrics({{"train/loss", 1.0 / (1 + step)}}, step * 10, step / 10, kStart + step);
        }
        logger.text("note", "hello", 490);
        logger.image("pixel", {sizeof(dv_image), 1, 4, 4, {png.data(), png.size()}}, 490);
        logger.histogram("weights", {sizeof(dv_histogram), 3, limits.data(), counts.data(), -1, 2, 0, 0, 9}, 490);
        fs::remove(folder() / "last=1.ckpt");  // a checkpoint is replaced, never written over
        std::ofstream(folder() / "last=1.ckpt") << "weights of " << id;
        logger.artifact("checkpoint", (folder() / "last=1.ckpt").string());
        logger.finalize(good ? "success" : "failed");
    }
    EXPECT_TRUE(fs::exists(folder() / "wandb"));
}

TEST_F(Sample, TortureForReaders) {
    auto odd = open("odd");
    odd.metrics({{"a b", 1.0}, {"sl/a/sh", 2.0}, {"caf\xC3\xA9 \xF0\x9F\x9A\x80", 3.0}, {"dot.ted", 4.0}}, 0, -1,
                kStart);
    odd.metrics({{"nan", std::nan("")}, {"inf", HUGE_VAL}, {"down", -HUGE_VAL}, {"large", 1e308}}, 1, -1, kStart);
    for (const int step : {5, 3, 9}) odd.metrics({{"unordered", step * 1.0}}, step, -1, kStart);
    odd.text("long", std::string(90000, 'x'), 9);
    odd.finalize();

    auto many = open("many");
    Metrics row;
    for (int i = 0; i < 10000; ++i) row.emplace_back("metric/" + std::to_string(i), 0.0);
    for (int step = 0; step < 100; ++step) {
        for (int i = 0; i < 10000; ++i) row[static_cast<std::size_t>(i)].second = i + step / 128.0;
        many.metrics(row, step, -1, kStart + step);
    }
    many.finalize();
    EXPECT_TRUE(fs::exists(folder() / "wandb"));
}

}  // namespace

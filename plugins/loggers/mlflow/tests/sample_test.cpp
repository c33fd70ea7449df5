/// What tests/read_mlflow.py reads back; its expectations are there. DV_TRACKING_URI names the server, or a folder.
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
    auto open(std::string_view name, Config config = {}) {
        const char* uri = std::getenv("DV_TRACKING_URI");
        plugin.host().clock.wall = kStart;
        config.set("tracking_uri", uri != nullptr ? uri : "");
        config.set("experiment_name", "caf\xC3\xA9 & co");
        config.set("run_name", name);
        return plugin.make<dv::Logger>("mlflow", config);
    }
};

TEST_F(Sample, QuickstartForReaders) {
    const fs::path file = plugin.host().run_dir() / "last.ckpt";
    std::ofstream(file) << "weights";
    for (const char* name : {"good", "bad"}) {
        const bool good = std::string_view(name) == "good";
        auto logger = open(name, {{"group", "g"}, {"tags", list("x")}});
        logger.hyperparameters(Config{{"lr", 0.1}, {"model", Config{{"type", "rcnn"}, {"limit", HUGE_VAL}}}});
        for (int step = 0; step < 50; ++step) {
            logger.metrics({{"train/loss", 1.0 / (1 + step)}}, step * 10, step / 10, kStart + step);
        }
        logger.text("note", "hello", 490);
        logger.artifact("checkpoint", file.string());
        logger.finalize(good ? "success" : "failed");
    }
}

TEST_F(Sample, TortureForReaders) {
    auto odd = open("odd");
    odd.metrics({{"a b", 1.0}, {"sl/a/sh", 2.0}, {"caf\xC3\xA9", 3.0}, {"\xF0\x9F\x9A\x80", 4.0}, {"../x//y", 5.0}}, 0,
                -1, kStart);
    odd.metrics({{"nan", std::nan("")}, {"inf", HUGE_VAL}, {"down", -HUGE_VAL}, {"large", 1e308}}, 1, -1, kStart);
    for (const int step : {5, 3, 9}) odd.metrics({{"unordered", step * 1.0}}, step, -1, kStart);
    odd.hyperparameters(Config{{"long", std::string(9000, 'x')}, {"odd \"name\"\n", "value\nof two lines"}});
    odd.finalize();

    auto many = open("many", {{"finish_timeout", 600.0}});
    Metrics row;
    for (int i = 0; i < 10000; ++i) row.emplace_back("metric/" + std::to_string(i), i * 0.5);
    many.metrics(row, 0, -1, kStart);
    many.finalize();
}

}  // namespace

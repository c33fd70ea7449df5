#include "fake_server.hpp"

#include <dv/testing/load.hpp>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace {

namespace fs = std::filesystem;
using dv::testing::Config;
using dv::testing::list;
using dv::testing::LoggerHandle;
using dv::testing::Plugin;
using mlflow::testing::Answer;
using mlflow::testing::FakeServer;
using mlflow::testing::healthy;
using mlflow::testing::Request;
using nlohmann::json;

std::string content(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

class MlflowTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};
    std::function<Answer(const Request&)> answer = healthy;
    FakeServer server{[this](const Request& r) { return answer(r); }};

    void SetUp() override { ::unsetenv("MLFLOW_TRACKING_URI"); }
    LoggerHandle open(Config config = {}) {
        if (!config.get("tracking_uri")) config.set("tracking_uri", server.url());
        return plugin.make<dv::Logger>("mlflow", config);
    }
    fs::path folder() { return plugin.host().run_dir(); }
    /// The folder of the run of the file store.
    fs::path stored() {
        for (const auto& entry : fs::recursive_directory_iterator(folder() / "mlruns")) {
            if (entry.path().filename() == "params") return entry.path().parent_path();
        }
        return {};
    }
    std::vector<json> sent_metrics() {
        std::vector<json> out;
        for (const Request& r : server.requests("log-batch")) {
            for (const json& m : json::parse(r.body).value("metrics", json::array())) out.push_back(m);
        }
        return out;
    }
    std::vector<std::string> left_behind() {
        std::vector<std::string> out;
        for (const auto& entry : fs::directory_iterator(folder())) out.push_back(entry.path().extension().string());
        return out;
    }
};

TEST_F(MlflowTest, ARunGoesToTheServerAndLeavesNothingBehind) {
    auto logger = open({{"run_name", "n"}, {"group", "g"}, {"tags", list("a b")}, {"prefix", "p"}});
    logger.hyperparameters(Config{{"lr", 0.1}, {"model", Config{{"type", "rcnn"}}}});
    logger.metrics({{"loss", 0.5}, {"rocket \xF0\x9F\x9A\x80", 2.0}}, 3, 1, 1700000000.25);
    logger.finalize();
    const json create = json::parse(server.requests("runs/create").at(0).body);
    EXPECT_EQ(create["run_name"], "n");
    EXPECT_NE(create["tags"].dump().find(R"({"key":"a b","value":"true"})"), std::string::npos);
    const auto metrics = sent_metrics();
    ASSERT_EQ(metrics.size(), 3u);
    EXPECT_EQ(metrics[0], json::parse(R"({"key":"epoch","value":1.0,"timestamp":1700000000250,"step":3})"));
    EXPECT_EQ(metrics[1]["key"], "p-loss");
    EXPECT_EQ(metrics[2]["key"], "p-rocket _");
    EXPECT_NE(server.requests("log-batch").at(0).body.find(R"({"key":"model/type","value":"rcnn"})"),
              std::string::npos);
    EXPECT_EQ(json::parse(server.requests("runs/update").at(0).body)["status"], "FINISHED");
    EXPECT_EQ(left_behind(), std::vector<std::string>{""});  // mlflow-run
    EXPECT_NE(plugin.host().log_text().find("/#/experiments/7/runs/r1"), std::string::npos);
}

TEST_F(MlflowTest, HowItEndedIsTold) {
    for (const auto& [outcome, status] : {std::pair("failed", "FAILED"), std::pair("interrupted", "KILLED")}) {
        open().finalize(outcome);
        EXPECT_EQ(json::parse(server.requests("runs/update").back().body)["status"], status);
    }
}

TEST_F(MlflowTest, WhileTheServerIsAwayLoggingGoesOnAndLaterEverythingIsThere) {
    std::atomic<bool> away = true;
    answer = [&](const Request& r) -> Answer { return away ? Answer{500, "down"} : healthy(r); };
    auto logger = open();
    for (int step = 0; step < 1000; ++step) logger.metrics({{"a", step * 1.0}}, step, -1, 1700000000.0 + step);
    EXPECT_EQ(sent_metrics().size(), 0u);
    away = false;
    logger.finalize();
    const auto metrics = sent_metrics();
    ASSERT_EQ(metrics.size(), 1000u);
    for (int step = 0; step < 1000; ++step) EXPECT_EQ(metrics[static_cast<std::size_t>(step)]["step"], step);
}

TEST_F(MlflowTest, WhatTheServerHasNotGotIsKeptAndTheCommandTold) {
    answer = [](const Request&) -> Answer { return {503, "down"}; };
    std::string position;
    {
        auto logger = open({{"finish_timeout", 0.2}});
        logger.metrics({{"a", 1.0}}, 0, -1, 1700000000.0);
        logger.flush();
        position = logger.position();
        try {
            logger.finalize();
            FAIL() << "nothing was sent";
        } catch (const dv::ComponentError& error) {
            EXPECT_NE(error.text.find("503"), std::string::npos) << error.text;
            EXPECT_NE(error.text.find("dvhost logs sync '" + folder().string() + "'"), std::string::npos) << error.text;
        }
    }
    answer = healthy;
    plugin.host().resume_position = position;
    open().finalize();
    ASSERT_EQ(sent_metrics().size(), 1u);
    EXPECT_EQ(json::parse(server.requests("runs/update").at(0).body)["status"], "FINISHED");
    EXPECT_EQ(left_behind(), std::vector<std::string>{""});
}

TEST_F(MlflowTest, AfterAKillTheSameRunGoesOn) {
    std::string position;
    {
        auto killed = open();
        killed.metrics({{"a", 1.0}}, 0, -1, 1700000000.0);
        killed.flush();
        position = killed.position();
        while (server.requests("log-batch").empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        killed.metrics({{"a", 2.0}}, 1, -1, 1700000001.0);
        while (sent_metrics().size() < 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    plugin.host().resume_position = position;
    auto recovered = open();
    recovered.metrics({{"a", 2.0}}, 1, -1, 1700000001.0);
    recovered.finalize("failed");
    EXPECT_EQ(server.requests("runs/create").size(), 1u);
    EXPECT_EQ(server.requests("runs/get").size(), 1u);
    const auto metrics = sent_metrics();
    ASSERT_EQ(metrics.size(), 3u);
    EXPECT_EQ(metrics[1], metrics[2]);  // the server knows it by key, time, step and value
}

TEST_F(MlflowTest, ARunThatGoesOnFromACheckpointIsTheSameRun) {
    open().finalize();
    auto second = open();
    const dv_resume from{sizeof(dv_resume), 0, 12, 40};
    ASSERT_EQ(second.made().vtable<dv_logger_1>().resume(second.made().object(), &from), DV_OK);
    second.metrics({{"a", 1.0}}, 40, -1, 1700000000.0);
    second.finalize();
    EXPECT_EQ(server.requests("runs/create").size(), 1u);
    EXPECT_EQ(server.requests("runs/get?run_id=r1").size(), 1u);
    EXPECT_EQ(sent_metrics().size(), 1u);
}

TEST_F(MlflowTest, TextImagesHistogramsAndFilesAreArtifacts) {
    const std::array limits{1.0, HUGE_VAL};
    const std::array counts{3.0, 4.0};
    const fs::path file = folder() / "last.ckpt";
    std::ofstream(file) << "weights";
    auto logger = open();
    logger.text("note", "hello", 1);
    logger.image("a/picture", {sizeof(dv_image), 1, 1, 1, {"png", 3}}, 2);
    logger.histogram("weights", {sizeof(dv_histogram), 2, limits.data(), counts.data(), 0.5, 9, 0, 0, 7}, 3);
    logger.artifact("checkpoint", file.string());
    logger.artifact("gone", "/no such file");
    logger.finalize();
    std::vector<std::pair<std::string, std::string>> put;
    for (const Request& r : server.requests("mlflow-artifacts"))
        put.emplace_back(r.path.substr(r.path.rfind("artifacts/") + 10), r.body);
    EXPECT_EQ(put,
              (std::vector<std::pair<std::string, std::string>>{
                  {"text/note_1.txt", "hello"},
                  {"images/a/picture_2.png", "png"},
                  {"histograms/weights_3.json", R"({"min":0.5,"upper_edges":[1.0,"Infinity"],"counts":[3.0,4.0]})"},
                  {"files/checkpoint/last.ckpt", "weights"}}));
    EXPECT_NE(content(folder() / "mlflow-refused.jsonl").find("no such file"), std::string::npos);
}

TEST_F(MlflowTest, FilesStayWhereTheyAreWhenAsked) {
    auto logger = open({{"log_files", false}});
    logger.artifact("checkpoint", "/no such file");
    logger.finalize();
    EXPECT_EQ(server.requests("mlflow-artifacts").size(), 0u);
}

TEST_F(MlflowTest, WithoutAServerTheRunIsAFolder) {
    auto logger = open({{"tracking_uri", ""}, {"run_name", "it's \"x\""}, {"experiment_name", "e: 1"}});
    logger.hyperparameters(Config{{"model", Config{{"type", "rcnn"}}}});
    logger.metrics({{"train/loss", 0.5}, {"nan", std::nan("")}}, 3, -1, 1700000000.25);
    logger.metrics({{"train/loss", 0.25}}, 4, -1, 1700000001.25);
    logger.finalize();
    EXPECT_EQ(content(stored() / "metrics/train/loss"), "1700000000250 0.5 3\n1700000001250 0.25 4\n");
    EXPECT_EQ(content(stored() / "metrics/nan"), "1700000000250 nan 3\n");
    EXPECT_EQ(content(stored() / "params/model/type"), "rcnn");
    const std::string meta = content(stored() / "meta.yaml");
    EXPECT_NE(meta.find("status: 3\n"), std::string::npos) << meta;
    EXPECT_NE(meta.find("run_name: \"it's \\\"x\\\"\"\n"), std::string::npos) << meta;
    EXPECT_NE(content(stored().parent_path() / "meta.yaml").find("name: \"e: 1\"\n"), std::string::npos);
}

TEST_F(MlflowTest, ANameThatIsAlsoAFolderGetsAnotherName) {
    auto logger = open({{"tracking_uri", ""}});
    dv::testing::Metrics first{{"loss", 1.0}, {"loss/a/b", 2.0}, {"x/y", 3.0}};
    for (int i = 0; i < 500; ++i) first.emplace_back("filler" + std::to_string(i), 0.0);  // written before the next row
    logger.metrics(first, 0, -1, 1700000000.0);
    logger.metrics({{"loss", 5.0}, {"loss/a/b", 6.0}, {"x", 4.0}}, 1, -1, 1700000001.0);
    logger.finalize();
    const fs::path metrics = stored() / "metrics";
    EXPECT_EQ(content(metrics / "loss"), "1700000000000 1 0\n1700000001000 5 1\n");
    EXPECT_EQ(content(metrics / "loss.a/b"), "1700000000000 2 0\n1700000001000 6 1\n");
    EXPECT_EQ(content(metrics / "x/y") + content(metrics / "x.value"), "1700000000000 3 0\n1700000001000 4 1\n");
}

TEST_F(MlflowTest, RunsOfOneExperimentShareItsFolder) {
    open({{"tracking_uri", ""}}).finalize();
    open({{"tracking_uri", ""}}).finalize();
    EXPECT_EQ(std::distance(fs::directory_iterator(folder() / "mlruns"), fs::directory_iterator()), 1);
}

TEST_F(MlflowTest, AFolderIsWrittenAnewAfterAKill) {
    std::string position;
    {
        auto killed = open({{"tracking_uri", ""}});
        killed.metrics({{"a", 1.0}}, 0, -1, 1700000000.0);
        killed.flush();
        position = killed.position();
        killed.metrics({{"a", 2.0}}, 1, -1, 1700000001.0);
    }
    plugin.host().resume_position = position;
    auto recovered = open({{"tracking_uri", ""}});
    recovered.metrics({{"a", 2.0}}, 1, -1, 1700000001.0);
    recovered.finalize("failed");
    EXPECT_EQ(content(stored() / "metrics/a"), "1700000000000 1 0\n1700000001000 2 1\n");
}

TEST_F(MlflowTest, TheVariableNamesTheServerWhenTheManifestDoesNot) {
    ::setenv("MLFLOW_TRACKING_URI", server.url().c_str(), 1);
    open({{"tracking_uri", ""}}).finalize();
    ::unsetenv("MLFLOW_TRACKING_URI");
    EXPECT_EQ(server.requests("runs/create").size(), 1u);
}

TEST_F(MlflowTest, PasswordsInTheManifestAreRefusedWithoutShowingThem) {
    try {
        open({{"tracking_uri", "http://me:hunter2@host"}});
        FAIL() << "it was taken";
    } catch (const dv::ComponentError& error) {
        EXPECT_EQ(error.text.find("hunter2"), std::string::npos) << error.text;
        EXPECT_NE(error.text.find("MLFLOW_TRACKING_PASSWORD"), std::string::npos) << error.text;
    }
    EXPECT_THROW(open({{"tracking_uri", "sqlite:///x.db"}}), dv::ComponentError);
}

TEST_F(MlflowTest, NoTokenIsEverWritten) {
    const fs::path file = folder() / "token";
    std::ofstream(file) << "secret-token\n";
    auto logger = open({{"token_file", file.string()}});
    logger.metrics({{"a", 1.0}}, 0, -1, 1700000000.0);
    logger.finalize();
    EXPECT_NE(server.requests().at(0).headers.find("Bearer secret-token"), std::string::npos);
    EXPECT_EQ(plugin.host().log_text().find("secret-token"), std::string::npos);
    for (const auto& entry : fs::recursive_directory_iterator(folder())) {
        if (entry.is_regular_file() && entry.path() != file) {
            EXPECT_EQ(content(entry.path()).find("secret-token"), std::string::npos) << entry.path();
        }
    }
}

}  // namespace

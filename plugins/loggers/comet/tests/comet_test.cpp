#include <dv/testing/load.hpp>

#include <zip.h>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

namespace {

namespace fs = std::filesystem;
using dv::testing::Config;
using dv::testing::list;
using dv::testing::LoggerHandle;
using dv::testing::Plugin;
using nlohmann::json;

const std::string kKey(32, 'k');

/// The files of an archive.
std::map<std::string, std::string> unzip(const fs::path& path) {
    std::map<std::string, std::string> out;
    zip_t* archive = ::zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, nullptr);
    if (archive == nullptr) return out;
    for (zip_int64_t i = 0; i < ::zip_get_num_entries(archive, 0); ++i) {
        zip_stat_t facts;
        ::zip_stat_index(archive, static_cast<zip_uint64_t>(i), 0, &facts);
        std::string content(facts.size, '\0');
        zip_file_t* file = ::zip_fopen_index(archive, static_cast<zip_uint64_t>(i), 0);
        ::zip_fread(file, content.data(), content.size());
        ::zip_fclose(file);
        out.emplace(facts.name, std::move(content));
    }
    ::zip_close(archive);
    return out;
}

class CometTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};

    void SetUp() override { plugin.host().clock.wall = 1700000000.0; }
    LoggerHandle open(Config config = {}) {
        config.set("experiment_key", kKey);
        return plugin.make<dv::Logger>("comet", config);
    }
    fs::path folder() { return plugin.host().run_dir(); }
    std::map<std::string, std::string> archive() { return unzip(folder() / (kKey + ".zip")); }
    /// Payloads of one type.
    std::vector<json> messages(const std::string& type) {
        std::vector<json> out;
        std::istringstream lines(archive()["messages.json"]);
        for (std::string line; std::getline(lines, line);) {
            json message = json::parse(line);
            if (message["type"] == type) out.push_back(message["payload"]);
        }
        return out;
    }
};

TEST_F(CometTest, MetricsAreMessages) {
    auto logger = open({{"prefix", "p"}});
    logger.metrics({{"loss", 0.5}, {"nan", std::nan("")}, {"down", -HUGE_VAL}}, 3, 1, 1700000001.5);
    logger.metrics({{"loss", 1e308}}, 2, -1, 1700000002.0);
    logger.finalize();
    const auto metrics = messages("metric_msg");
    ASSERT_EQ(metrics.size(), 4u);
    EXPECT_EQ(metrics[0], json::parse(R"({"local_timestamp":1700000001500,"context":null,
        "metric":{"metricName":"p_loss","metricValue":0.5,"step":3,"epoch":1}})"));
    EXPECT_EQ(metrics[1]["metric"]["metricValue"], "NaN");
    EXPECT_EQ(metrics[2]["metric"]["metricValue"], "-Infinity");
    EXPECT_EQ(metrics[3]["metric"]["metricValue"], 1e308);
    EXPECT_EQ(metrics[3]["metric"]["epoch"], nullptr);
}

TEST_F(CometTest, TheManifestIsParameters) {
    auto logger = open();
    logger.hyperparameters(
        Config{{"lr", 0.1}, {"model", Config{{"type", "rcnn"}, {"bias", true}, {"limit", HUGE_VAL}}}});
    logger.finalize();
    const auto parameters = messages("parameter_msg");
    ASSERT_EQ(parameters.size(), 4u);
    EXPECT_EQ(parameters[0]["param"]["paramValue"], 0.1);
    EXPECT_EQ(parameters[1]["param"]["paramName"], "model/type");
    EXPECT_EQ(parameters[2]["param"]["paramValue"], true);
    EXPECT_EQ(parameters[3]["param"]["paramValue"], "Infinity");
}

TEST_F(CometTest, TheExperimentSaysWhoseItIsAndHowItEnded) {
    for (const auto& [outcome, text] : {std::pair("success", json()), std::pair("failed", json("the run failed")),
                                        std::pair("interrupted", json("the run was interrupted"))}) {
        plugin.host().clock.wall = 1700000000.0;
        auto logger = open({{"project", "p"}, {"name", "caf\xC3\xA9"}, {"group", "g"}, {"tags", list("a", "b")}});
        plugin.host().clock.wall = 1700000010.0;
        logger.finalize(outcome);
        const json experiment = json::parse(archive()["experiment.json"]);
        EXPECT_EQ(experiment["project_name"], "p");
        EXPECT_EQ(experiment["workspace"], nullptr);
        EXPECT_EQ(experiment["offline_id"], kKey);
        EXPECT_EQ(experiment["start_time"], 1700000000000);
        EXPECT_EQ(experiment["stop_time"], 1700000010000);
        EXPECT_EQ(experiment["tags"], json({"a", "b"}));
        EXPECT_EQ(experiment["customer_error_reported"], std::string_view(outcome) != "success");
        EXPECT_EQ(experiment["customer_error_message"], text);
        EXPECT_EQ(messages("log_other").at(1), json::parse("{\"key\":\"Name\",\"value\":\"caf\xC3\xA9\"}"));
        fs::remove(folder() / (kKey + ".zip"));
    }
}

TEST_F(CometTest, FilesAreInTheArchiveAsTheyWereWhenLogged) {
    const std::array limits{1.0, HUGE_VAL};
    const std::array counts{3.0, 4.0};
    const fs::path file = folder() / "last.ckpt";
    std::ofstream(file) << "weights";
    auto logger = open();
    logger.text("note", "hello", 1);
    logger.image("picture", {sizeof(dv_image), 1, 1, 1, {"png", 3}}, 2);
    logger.histogram("weights", {sizeof(dv_histogram), 2, limits.data(), counts.data(), 0.5, 9, 0, 0, 7}, 3);
    logger.artifact("checkpoint", file.string());
    fs::remove(file);  // as a checkpoint that is no longer among the best
    EXPECT_THROW(logger.artifact("gone", "/no such file"), dv::ComponentError);
    logger.finalize();
    const auto files = archive();
    const auto uploads = messages("file_upload");
    ASSERT_EQ(uploads.size(), 4u);
    EXPECT_EQ(files.at(uploads[0]["file_path"]), "hello");
    EXPECT_EQ(uploads[0]["upload_type"], "text-sample");
    EXPECT_EQ(uploads[0]["additional_params"]["step"], 1);
    EXPECT_EQ(files.at(uploads[1]["file_path"]), "png");
    EXPECT_EQ(uploads[1]["additional_params"]["figName"], "picture.png");
    EXPECT_EQ(json::parse(files.at(uploads[2]["file_path"]))["counts"], json({3.0, 4.0}));
    EXPECT_EQ(files.at(uploads[3]["file_path"]), "weights");
    EXPECT_EQ(uploads[3]["additional_params"]["fileName"], "checkpoint/last.ckpt");
    EXPECT_EQ(files.size(), 6u);
}

TEST_F(CometTest, NothingButTheArchiveIsLeftBehind) {
    open().finalize();
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder())) names.push_back(entry.path().filename().string());
    EXPECT_EQ(names, std::vector<std::string>{kKey + ".zip"});
    EXPECT_NE(plugin.host().log_text().find("comet upload '"), std::string::npos);
}

TEST_F(CometTest, AfterAKillTheExperimentGoesOnWhereItWasSafe) {
    std::string position;
    {
        auto killed = open();
        killed.metrics({{"a", 1.0}}, 0, -1, 1700000000.0);
        killed.flush();
        position = killed.position();
        killed.metrics({{"a", 2.0}}, 1, -1, 1700000001.0);
        killed.text("note", "half", 1);
    }
    plugin.host().resume_position = position;
    plugin.host().clock.wall = 1700000100.0;
    auto recovered = plugin.make<dv::Logger>("comet", {});
    recovered.metrics({{"a", 2.0}}, 1, -1, 1700000001.0);
    recovered.text("note", "whole", 1);
    recovered.finalize("failed");
    EXPECT_EQ(messages("metric_msg").size(), 2u);
    EXPECT_EQ(archive().at(messages("file_upload").at(0)["file_path"]), "whole");
    const json experiment = json::parse(archive()["experiment.json"]);
    EXPECT_EQ(experiment["start_time"], 1700000000000);
    EXPECT_EQ(experiment["customer_error_message"], "the run failed");
}

TEST_F(CometTest, AnExperimentThatGoesOnLeavesItsFirstArchiveAsItIs) {
    for (const double value : {1.0, 2.0}) {
        auto logger = open();
        logger.metrics({{"a", value}}, 0, -1, 1700000000.0);
        logger.finalize();
    }
    EXPECT_EQ(messages("metric_msg").at(0)["metric"]["metricValue"], 1.0);
    EXPECT_EQ(json::parse(archive()["experiment.json"])["resume_strategy"], "create");
    const auto second = unzip(folder() / (kKey + "_2.zip"));
    EXPECT_NE(second.at("messages.json").find("\"metricValue\":2"), std::string::npos);
    EXPECT_EQ(json::parse(second.at("experiment.json"))["resume_strategy"], "get_or_create");
    EXPECT_EQ(json::parse(second.at("experiment.json"))["offline_id"], kKey);
}

TEST_F(CometTest, KeysThatCometRefusesAreRefused) {
    for (const std::string& key : {std::string("short"), std::string(51, 'x'), std::string(32, '-')}) {
        EXPECT_THROW(plugin.make<dv::Logger>("comet", {{"experiment_key", key}}), dv::ComponentError) << key;
    }
}

TEST_F(CometTest, WithoutTheProgramTheCommandIsTold) {
    ::setenv("PATH", "/nowhere", 1);
    open({{"upload", true}}).finalize();
    const std::string log = plugin.host().log_text(DV_LOG_WARNING);
    EXPECT_NE(log.find("is not installed"), std::string::npos) << log;
    EXPECT_NE(log.find("comet upload '" + (folder() / (kKey + ".zip")).string()), std::string::npos) << log;
}

}  // namespace

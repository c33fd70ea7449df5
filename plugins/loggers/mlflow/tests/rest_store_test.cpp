#include "rest_store.hpp"

#include "fake_server.hpp"

#include <dv/testing/host.hpp>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>

namespace {

using namespace mlflow;
using mlflow::testing::Answer;
using mlflow::testing::FakeServer;
using mlflow::testing::healthy;
using mlflow::testing::Request;
using nlohmann::json;

class RestStoreTest : public ::testing::Test {
protected:
    std::function<Answer(const Request&)> answer = healthy;
    FakeServer server{[this](const Request& r) { return answer(r); }};
    Access access;
    double timeout = 20;

    std::unique_ptr<RestStore> store(ServerOptions options = {}) {
        options.tracking_uri = server.url();
        if (options.experiment.empty()) options.experiment = "caf\xC3\xA9 & co";
        options.mark = "m";
        return std::make_unique<RestStore>(options, access, timeout);
    }
    std::vector<json> bodies(const std::string& part) {
        std::vector<json> out;
        for (const Request& r : server.requests(part)) out.push_back(json::parse(r.body));
        return out;
    }
};

TEST_F(RestStoreTest, ARunIsMadeInItsExperiment) {
    auto s = store();
    EXPECT_EQ(s->begin("run", 5, {{"k", "v"}}), "r1");
    EXPECT_EQ(server.requests().at(0).path,
              "/api/2.0/mlflow/experiments/get-by-name?experiment_name=caf%C3%A9%20%26%20co");
    const json body = bodies("runs/create").at(0);
    EXPECT_EQ(body["experiment_id"], "7");
    EXPECT_EQ(body["run_name"], "run");
    EXPECT_EQ(body["start_time"], 5);
    EXPECT_EQ(body["tags"][0]["key"], "k");
    EXPECT_NE(s->place().find("/#/experiments/7/runs/r1"), std::string::npos);
}

TEST_F(RestStoreTest, AnExperimentThatIsNotThereIsMadeEvenWhenSomebodyElseIsFaster) {
    int asked = 0;
    answer = [&](const Request& r) -> Answer {
        if (r.path.find("get-by-name") != std::string::npos && asked++ == 0) {
            return {404, R"({"error_code":"RESOURCE_DOES_NOT_EXIST","message":"none"})"};
        }
        if (r.path.find("experiments/create") != std::string::npos) {
            return {400, R"({"error_code":"RESOURCE_ALREADY_EXISTS","message":"exists"})"};
        }
        return healthy(r);
    };
    EXPECT_EQ(store()->begin("run", 5, {}), "r1");
    EXPECT_EQ(asked, 2);
}

TEST_F(RestStoreTest, ARunThatWasMadeWithoutOurHearingOfItIsFoundAgain) {
    bool lost = true;
    answer = [&](const Request& r) -> Answer {
        if (r.path.find("runs/create") != std::string::npos && std::exchange(lost, false)) return {502, "bad gateway"};
        if (r.path.find("runs/search") != std::string::npos) {
            return {200, R"({"runs":[{"info":{"run_id":"made","experiment_id":"7","artifact_uri":""}}]})"};
        }
        return healthy(r);
    };
    auto s = store();
    EXPECT_THROW(s->begin("run", 5, {}), Away);
    EXPECT_EQ(s->begin("run", 5, {}), "made");
    EXPECT_EQ(server.requests("runs/create").size(), 1u);
    EXPECT_EQ(bodies("runs/search").at(0)["filter"], "tags.`dvhost.mark` = 'm'");
}

TEST_F(RestStoreTest, ABatchIsCutIntoRequestsThatServersTake) {
    auto s = store();
    s->begin("run", 5, {});
    Batch batch;
    for (int i = 0; i < 1201; ++i) batch.metrics.push_back({"k" + std::to_string(i), i * 0.5, 1700, i});
    for (int i = 0; i < 150; ++i) batch.params.emplace_back("p" + std::to_string(i), "v");
    s->log(batch);
    std::size_t metrics = 0, params = 0;
    for (const json& body : bodies("log-batch")) {
        const std::size_t m = body.value("metrics", json::array()).size(),
                          p = body.value("params", json::array()).size();
        EXPECT_LE(m, 500u);
        EXPECT_LE(p, 100u);
        metrics += m;
        params += p;
    }
    EXPECT_EQ(metrics, 1201u);
    EXPECT_EQ(params, 150u);
}

TEST_F(RestStoreTest, NumbersThatAreNoneAreWords) {
    auto s = store();
    s->begin("run", 5, {});
    s->log({{{"a", std::nan(""), 1, 2}, {"b", HUGE_VAL, 1, 2}, {"c", -HUGE_VAL, 1, 2}, {"d", 0.1, 1, 2}}, {}, {}});
    const json metrics = bodies("log-batch").at(0)["metrics"];
    EXPECT_EQ(metrics[0]["value"], "NaN");
    EXPECT_EQ(metrics[1]["value"], "Infinity");
    EXPECT_EQ(metrics[2]["value"], "-Infinity");
    EXPECT_EQ(metrics[3]["value"], 0.1);
    EXPECT_EQ(metrics[3]["timestamp"], 1);
    EXPECT_EQ(metrics[3]["step"], 2);
}

TEST_F(RestStoreTest, AFileGoesThroughTheServerToItsPlace) {
    const dv::testing::Host host;
    const auto path = host.run_dir() / "x";
    std::ofstream(path) << std::string("by\0tes", 6);
    auto s = store();
    s->begin("run", 5, {});
    s->upload("files/caf\xC3\xA9 1.ckpt", path.string());
    const Request put = server.requests().back();
    EXPECT_EQ(put.method, "PUT");
    EXPECT_EQ(put.path, "/api/2.0/mlflow-artifacts/artifacts/7/r1/artifacts/files/caf%C3%A9%201.ckpt");
    EXPECT_EQ(put.body, std::string("by\0tes", 6));
    EXPECT_THROW(s->upload("gone", "/no such file"), Refused);
    s->end(Status::killed, 9);
    EXPECT_EQ(bodies("runs/update").at(0)["status"], "KILLED");
}

TEST_F(RestStoreTest, EveryAnswerMeansWhatItSays) {
    auto s = store();
    s->begin("run", 5, {});
    const Batch batch{{{"a", 1, 1, 1}}, {}, {}};
    for (const int status : {408, 425, 429, 500, 502, 503, 504}) {
        answer = [status](const Request&) -> Answer { return {status, "busy", "Retry-After: 7\r\n"}; };
        try {
            s->log(batch);
            FAIL() << status;
        } catch (const Away& away) {
            EXPECT_EQ(away.seconds, 7) << status;
        }
    }
    answer = [](const Request&) -> Answer { return {200, "<html>a hotel's page</html>"}; };
    EXPECT_THROW(s->log(batch), Away);
    answer = [](const Request&) -> Answer {
        return {400, R"({"error_code":"INVALID_PARAMETER_VALUE","message":"no such step"})"};
    };
    try {
        s->log(batch);
        FAIL();
    } catch (const Refused& refused) {
        EXPECT_NE(std::string(refused.what()).find("no such step"), std::string::npos);
    }
    for (const int status : {401, 403}) {
        answer = [status](const Request&) -> Answer { return {status, ""}; };
        EXPECT_THROW(s->log(batch), Closed) << status;
    }
}

TEST_F(RestStoreTest, ASlowServerIsNotWaitedForForever) {
    timeout = 0.2;
    auto s = store();
    answer = [](const Request& r) {
        std::this_thread::sleep_for(std::chrono::milliseconds(600));
        return healthy(r);
    };
    EXPECT_THROW(s->begin("run", 5, {}), Away);
}

TEST_F(RestStoreTest, NobodyThereIsAway) {
    RestStore s({"http://127.0.0.1:1", "e", "", "", "m"}, {}, 20);
    EXPECT_THROW(s.begin("run", 5, {}), Away);
}

TEST_F(RestStoreTest, AnAbandonedRequestEnds) {
    auto s = store();
    s->http().abandon();
    EXPECT_THROW(s->begin("run", 5, {}), Away);
}

TEST_F(RestStoreTest, WhoWeAreIsInTheHeaderAndNowhereElse) {
    ::setenv("MLFLOW_TRACKING_TOKEN", "secret-token", 1);
    access = Access::from_environment("");
    ::unsetenv("MLFLOW_TRACKING_TOKEN");
    auto s = store();
    s->begin("run", 5, {});
    EXPECT_NE(server.requests().back().headers.find("Authorization: Bearer secret-token"), std::string::npos);
    answer = [](const Request&) -> Answer { return {403, ""}; };
    try {
        s->end(Status::finished, 1);
        FAIL();
    } catch (const Closed& closed) {
        EXPECT_EQ(std::string(closed.what()).find("secret-token"), std::string::npos);
    }
}

TEST_F(RestStoreTest, AUserHasAPassword) {
    ::setenv("MLFLOW_TRACKING_USERNAME", "me", 1);
    ::setenv("MLFLOW_TRACKING_PASSWORD", "pass", 1);
    access = Access::from_environment("");
    ::unsetenv("MLFLOW_TRACKING_USERNAME");
    ::unsetenv("MLFLOW_TRACKING_PASSWORD");
    store()->begin("run", 5, {});
    EXPECT_NE(server.requests().back().headers.find("Authorization: Basic bWU6cGFzcw=="), std::string::npos);
}

TEST(MlflowAddress, IsShownWithoutThePassword) {
    EXPECT_EQ(without_password("https://me:pass@host:5000/a@b"), "https://host:5000/a@b");
    EXPECT_EQ(without_password("http://host/x"), "http://host/x");
    EXPECT_EQ(without_password("/folder"), "/folder");
}

}  // namespace

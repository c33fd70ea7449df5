#include <dv/testing/load.hpp>

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

namespace {

namespace fs = std::filesystem;
using dv::testing::Config;
using dv::testing::LoggerHandle;
using dv::testing::Plugin;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

std::string content(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

class Connection {
public:
    explicit Connection(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }
    ~Connection() { ::close(socket_); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    bool connected = false;
    std::string ask(const std::string& request) {
        if (::send(socket_, request.data(), request.size(), MSG_NOSIGNAL) < 0) return "not sent";
        std::string answer;
        char buffer[4096];
        for (ssize_t n = 0; (n = ::recv(socket_, buffer, sizeof buffer, 0)) > 0;) answer.append(buffer, static_cast<std::size_t>(n));
        return answer;
    }

private:
    int socket_;
};

class PrometheusTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};

    LoggerHandle open(const Config& config = {}) { return plugin.make<dv::Logger>("prometheus", config); }
    std::string written() { return content(plugin.host().run_dir() / "metrics.prom"); }
    /// From the line in the log that names the address.
    int port() {
        const std::string log = plugin.host().log_text();
        const std::string before = "127.0.0.1:";
        return std::atoi(log.c_str() + log.find(before) + before.size());
    }
    std::string get(const std::string& path, const std::string& fields = "") {
        return Connection(port()).ask("GET " + path + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n");
    }
    static std::string body(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }
};

TEST_F(PrometheusTest, TheFileHoldsTheNewestValueOfEachName) {
    auto prometheus = open({{"port", -1}, {"name", "my \"run\""}});
    prometheus.metrics({{"train/loss", 1.0}, {"1 caf\u00e9", kNan}}, 3, 0, 100.0);
    prometheus.metrics({{"train/loss", 0.5}, {"train loss", -kInf}, {"up", kInf}}, 4, 1, 101.0);
    prometheus.finalize();
    EXPECT_EQ(written(),
              "# HELP dvhost_run_step optimizer steps at the last row\n# TYPE dvhost_run_step gauge\n"
              "dvhost_run_step{run=\"my \\\"run\\\"\"} 4\n"
              "# HELP dvhost_run_epoch epoch of the last row\n# TYPE dvhost_run_epoch gauge\n"
              "dvhost_run_epoch{run=\"my \\\"run\\\"\"} 1\n"
              "# HELP dvhost_run_rows_total rows logged\n# TYPE dvhost_run_rows_total counter\n"
              "dvhost_run_rows_total{run=\"my \\\"run\\\"\"} 2\n"
              "# HELP dvhost_1_caf__ newest value of what the label says\n# TYPE dvhost_1_caf__ gauge\n"
              "dvhost_1_caf__{run=\"my \\\"run\\\"\",name=\"1 caf\u00e9\"} NaN\n"
              "# HELP dvhost_train_loss newest value of what the label says\n# TYPE dvhost_train_loss gauge\n"
              "dvhost_train_loss{run=\"my \\\"run\\\"\",name=\"train loss\"} -Inf\n"
              "dvhost_train_loss{run=\"my \\\"run\\\"\",name=\"train/loss\"} 0.5\n"
              "# HELP dvhost_up newest value of what the label says\n# TYPE dvhost_up gauge\n"
              "dvhost_up{run=\"my \\\"run\\\"\",name=\"up\"} +Inf\n");
    EXPECT_FALSE(fs::exists(plugin.host().run_dir() / "metrics.prom.tmp"));
}

TEST_F(PrometheusTest, AnswersOnLoopbackWhileItRuns) {
    auto prometheus = open({{"textfile", ""}});
    prometheus.metrics({{"a", 1.0}}, 0, 0);
    const std::string first = get("/metrics");
    EXPECT_EQ(first.substr(0, 15), "HTTP/1.1 200 OK");
    EXPECT_NE(first.find("Content-Type: text/plain; version=0.0.4"), std::string::npos) << first;
    EXPECT_NE(body(first).find("name=\"a\"} 1\n"), std::string::npos) << first;
    prometheus.metrics({{"a", 2.0}}, 1, 0);
    EXPECT_NE(body(get("/metrics?x=1")).find("name=\"a\"} 2\n"), std::string::npos);
    EXPECT_FALSE(fs::exists(plugin.host().run_dir() / "metrics.prom"));
}

TEST_F(PrometheusTest, ARunThatGoesOnFromACheckpointGoesOnCounting) {
    auto prometheus = open({{"port", -1}});
    prometheus.resume(12, 40);
    prometheus.flush();
    EXPECT_EQ(written(), "") << "the former values stay until there are new ones";
    prometheus.metrics({{"a", 1.0}}, 41, 3);
    prometheus.finalize();
    EXPECT_NE(written().find("dvhost_run_rows_total{run=\""), std::string::npos);
    EXPECT_NE(written().find("\"} 13\n"), std::string::npos) << written();
    EXPECT_NE(written().find("\"} 41\n"), std::string::npos) << written();
}

TEST_F(PrometheusTest, SpeaksOpenMetricsToWhoAsksForIt) {
    auto prometheus = open();
    prometheus.metrics({{"a", 1.0}}, 0, 0);
    const std::string answer = get("/metrics", "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n");
    EXPECT_NE(answer.find("Content-Type: application/openmetrics-text; version=1.0.0"), std::string::npos) << answer;
    EXPECT_NE(answer.find("# TYPE dvhost_run_rows counter\ndvhost_run_rows_total{"), std::string::npos) << answer;
    EXPECT_TRUE(answer.ends_with("# EOF\n")) << answer;
}

TEST_F(PrometheusTest, RefusesWhatItDoesNotKnow) {
    auto prometheus = open();
    EXPECT_EQ(get("/secret").substr(0, 12), "HTTP/1.1 404");
    EXPECT_EQ(Connection(port()).ask("POST /metrics HTTP/1.1\r\n\r\n").substr(0, 12), "HTTP/1.1 405");
    EXPECT_EQ(Connection(port()).ask("rubbish\r\n\r\n").substr(0, 12), "HTTP/1.1 400");
    EXPECT_EQ(Connection(port()).ask(std::string(100'000, 'x')).find("200"), std::string::npos);
    EXPECT_EQ(body(Connection(port()).ask("HEAD /metrics HTTP/1.1\r\n\r\n")), "");
    Connection silent(port());
    EXPECT_TRUE(silent.connected);
}

TEST_F(PrometheusTest, APortThatIsTakenIsNamed) {
    auto first = open();
    try {
        open({{"port", port()}});
        FAIL() << "took a port that is taken";
    } catch (const dv::ComponentError& error) {
        EXPECT_NE(error.text.find(std::to_string(port())), std::string::npos) << error.text;
        EXPECT_NE(error.text.find("'port'"), std::string::npos) << error.text;
    }
}

/// What tests/read_prometheus.py reads back; its expectations are there.
TEST_F(PrometheusTest, SampleForReaders) {
    const char* folder = std::getenv("DV_READER_DIR");
    const fs::path into = folder ? fs::path(folder) : plugin.host().run_dir();
    auto prometheus = open({{"name", "run 1"}, {"textfile", (into / "sample.prom").string()}});
    prometheus.metrics({{"train/loss", 0.1}, {"odd \"name\"\n\\", 1e308}, {"nan", kNan}, {"down", -kInf}, {"\U0001F680", 5e-324}}, 7, 2);
    dv::testing::Metrics many;
    for (int i = 0; i < 10'000; ++i) many.emplace_back("many/" + std::to_string(i), i);
    prometheus.metrics(many, 8, 2);
    std::ofstream(into / "sample.openmetrics", std::ios::binary)
        << body(get("/metrics", "Accept: application/openmetrics-text\r\n"));
    prometheus.finalize();
    EXPECT_GT(fs::file_size(into / "sample.prom"), 0u);
}

}  // namespace

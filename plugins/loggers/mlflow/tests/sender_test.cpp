#include "sender.hpp"

#include <dv/testing/host.hpp>

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace {

using namespace mlflow;
namespace fs = std::filesystem;

/// Keeps what comes; `before` may throw instead.
struct FakeStore final : Store {
    std::function<void(const std::string&)> before = [](const std::string&) {};
    std::vector<std::string> calls;
    std::vector<Metric> metrics;
    Pairs params;

    std::string begin(const std::string& name, std::int64_t, const Pairs&) override {
        before("begin");
        calls.push_back("begin " + name);
        return "r1";
    }
    void log(const Batch& batch) override {
        before("log");
        for (const auto& [key, value] : batch.params) {
            if (key == "bad") throw Refused("bad is bad");
        }
        calls.push_back("log " + std::to_string(batch.size()));
        metrics.insert(metrics.end(), batch.metrics.begin(), batch.metrics.end());
        params.insert(params.end(), batch.params.begin(), batch.params.end());
    }
    void upload(const std::string& name, const std::string&) override {
        before("upload");
        calls.push_back("upload " + name);
    }
    void end(Status status, std::int64_t) override {
        before("end");
        calls.push_back("end " + std::to_string(static_cast<int>(status)));
    }
    std::string place() const override { return "here"; }
};

class SenderTest : public testing::Test {
protected:
    dv::testing::Host host;
    FakeStore store;
    SenderOptions options{host.run_dir() / "spool",
                          host.run_dir() / "cursor",
                          host.run_dir() / "run",
                          host.run_dir() / "refused",
                          0.001,
                          0.005};
    std::vector<std::string> warnings;
    std::ofstream journal{options.journal, std::ios::app};
    std::uint64_t size = 0;

    void write(const std::string& text) {
        journal << text << std::flush;
        size += text.size();
    }
    static std::string row(int step) {
        std::string out;
        line::begin_metrics(out);
        line::put_metric(out, "\"a\"", step);
        line::end_metrics(out, 1, step);
        return out;
    }
    void send() {
        Sender sender(options, store, [this](const std::string& text) { warnings.push_back(text); });
        sender.notice(size);
        EXPECT_TRUE(sender.drain(60)) << sender.problem();
    }
    std::string refused() const {
        std::ifstream in(options.refused);
        std::ostringstream out;
        out << in.rdbuf();
        return out.str();
    }
};

TEST_F(SenderTest, RowsAreSentTogetherAndInOrder) {
    write(line::begin("n", 0, {}) + row(0) + row(1) + line::file("f", "/p") + row(2) + line::end(Status::finished, 1));
    send();
    EXPECT_EQ(store.calls, (std::vector<std::string>{"begin n", "log 2", "upload f", "log 1", "end 3"}));
    EXPECT_EQ(Cursor::read(options.cursor).bytes, size);
    EXPECT_EQ(Cursor::read(options.run).run_id, "r1");
}

TEST_F(SenderTest, WhatAStoreMissedIsSentAgainAndSaidOnce) {
    int failures = 0;
    store.before = [&](const std::string& what) {
        if (what == "log" && failures++ < 5) throw Away("away");
    };
    write(line::begin("n", 0, {}) + row(0));
    send();
    EXPECT_EQ(store.metrics.size(), 1u);
    EXPECT_EQ(warnings.size(), 1u);
}

TEST_F(SenderTest, WhatIsRefusedIsPutAsideAndTheRestGoesOn) {
    write(line::begin("n", 0, {}) + row(0) + line::params({{"a", "1"}, {"bad", "2"}, {"c", "3"}}) + row(1));
    send();
    EXPECT_EQ(store.params, (Pairs{{"a", "1"}, {"c", "3"}}));
    EXPECT_EQ(store.metrics.size(), 2u);
    EXPECT_EQ(refused(), "{\"refused\":\"bad is bad\"}\n{\"params\":[[\"bad\",\"2\"]]}\n");
    EXPECT_EQ(warnings.size(), 1u);
}

TEST_F(SenderTest, ANewSenderGoesOnWhereTheLastOneStopped) {
    write(line::begin("n", 0, {}) + row(0));
    send();
    write(row(1));
    send();
    EXPECT_EQ(store.calls, (std::vector<std::string>{"begin n", "log 1", "begin ", "log 1"}));
    EXPECT_EQ(store.metrics.back().step, 1);
}

TEST_F(SenderTest, WithoutAccessNothingIsSentAndEverythingKept) {
    store.before = [](const std::string&) { throw Closed("no right"); };
    write(line::begin("n", 0, {}) + row(0));
    Sender sender(options, store, [this](const std::string& text) { warnings.push_back(text); });
    sender.notice(size);
    EXPECT_FALSE(sender.drain(60));
    EXPECT_EQ(sender.problem(), "no right");
    EXPECT_EQ(Cursor::read(options.cursor).bytes, 0u);
}

TEST_F(SenderTest, EndsWhileItWaits) {
    options.first_wait = options.longest_wait = 1000;
    store.before = [](const std::string&) { throw Away("away"); };
    write(row(0));
    Sender sender(options, store, [](const std::string&) {});
    sender.notice(size);
    EXPECT_FALSE(sender.drain(0.05));
    EXPECT_EQ(sender.problem(), "away");
}

TEST_F(SenderTest, ALineThatIsNoEntryIsPutAside) {
    write(line::begin("n", 0, {}) + "garbage\n" + row(0));
    send();
    EXPECT_EQ(store.metrics.size(), 1u);
    EXPECT_NE(refused().find("garbage"), std::string::npos);
}

}  // namespace

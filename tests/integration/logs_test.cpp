/// What is left of a run whose process was killed, and of one whose logger failed.

#include "program.hpp"

#include <nlohmann/json.hpp>

#include <csignal>
#include <random>

namespace dvhost::testing {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class Logs : public ProgramTest {
protected:
    std::vector<std::string> jsonl(const std::string& run) const { return lines(read(run + "/metrics.jsonl")); }

    /// Rows of the CSV file as "step", in order. The names of this run need no quotes.
    std::vector<std::string> csv_steps(const std::string& run) const {
        std::vector<std::string> steps;
        std::size_t step = 0;
        for (const std::string& line : lines(read(run + "/metrics.csv"))) {
            std::vector<std::string> cells{""};
            for (const char c : line) {
                if (c == ',') {
                    cells.emplace_back();
                } else {
                    cells.back().push_back(c);
                }
            }
            if (steps.empty() && step == 0) {
                step = static_cast<std::size_t>(std::find(cells.begin(), cells.end(), "step") - cells.begin());
                continue;
            }
            steps.push_back(cells.at(step));
        }
        return steps;
    }
    static std::vector<std::string> json_steps(const std::vector<std::string>& rows) {
        std::vector<std::string> steps;
        for (const std::string& row : rows) steps.push_back(std::to_string(nlohmann::json::parse(row).at("step").get<long>()));
        return steps;
    }
};

TEST_F(Logs, AfterAKillAtAnyMomentRecoverLeavesEveryRowOnce) {
    const std::string manifest = std::string(DVHOST_CONFIGS) + "/smoke/tiny.toml";
    const std::vector<std::string> run{"run", manifest, "-o", "trainer.max_epochs=-1", "-o", "data.n_train=640",
                                       "-o", "run.stages=[\"fit\"]", "-o", "callback.0.save_last=false"};
    std::mt19937 random(7);
    std::vector<std::string> longest;
    for (int round = 0; round < 20; ++round) {
        const std::string version = "runs/tiny/version_" + std::to_string(round);
        std::size_t seen = 0;
        {
            const Process process = start(run);
            while (!fs::exists(folder / version / "metrics.jsonl")) ::usleep(10'000);
            ::usleep(static_cast<useconds_t>(random() % 3'000'000));
            seen = jsonl(version).size();  // the last of them may be half a line
            process.send(SIGKILL);
        }
        ASSERT_TRUE(fs::exists(folder / version / ".dvspool"));
        const Result recovered = dvhost({"logs", "recover", version});
        ASSERT_EQ(recovered.code, 0) << recovered.err;
        EXPECT_THAT(recovered.out, HasSubstr("handed over"));
        EXPECT_FALSE(fs::exists(folder / version / ".dvspool"));

        const std::vector<std::string> rows = jsonl(version);
        EXPECT_GE(rows.size() + 1, seen);
        EXPECT_EQ(csv_steps(version), json_steps(rows)) << "round " << round;
        // The same seed gives the same rows: none is missing, none is there twice, none is torn.
        const std::size_t common = std::min(rows.size(), longest.size());
        EXPECT_TRUE(std::equal(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(common), longest.begin())) << "round " << round;
        if (rows.size() > longest.size()) longest = rows;
    }
    EXPECT_GT(longest.size(), 20u);
}

TEST_F(Logs, ARunThatEndedByItselfLeavesNothingToDo) {
    ASSERT_EQ(dvhost({"run", tiny()}).code, 0) << read(".stderr");
    const Result result = dvhost({"logs", "recover", "runs/tiny/version_0"});
    EXPECT_EQ(result.code, 0);
    EXPECT_THAT(result.out, HasSubstr("nothing is left"));
}

TEST_F(Logs, WhatIsNoRunIsSaid) {
    const Result result = dvhost({"logs", "recover", "."});
    EXPECT_EQ(result.code, 66);
    EXPECT_THAT(result.err, HasSubstr("config.toml"));
    EXPECT_EQ(dvhost({"logs", "sync"}).code, 64);
}

TEST_F(Logs, SyncWaitsForTheEnd) {
    {
        const Process process = start({"run", tiny(), "-o", "trainer.max_epochs=-1", "-o", "run.stages=[\"fit\"]"});
        while (!fs::exists(folder / "runs/tiny/version_0/.dvspool/tags")) ::usleep(10'000);
        const Result alive = dvhost({"logs", "recover", "runs/tiny/version_0"});
        EXPECT_NE(alive.code, 0);
        EXPECT_THAT(alive.err, HasSubstr("still there"));
        process.send(SIGKILL);
    }
    const Result sync = dvhost({"logs", "sync", "runs/tiny/version_0"});
    EXPECT_EQ(sync.code, 64);
    EXPECT_THAT(sync.err, HasSubstr("logs recover"));
}

}  // namespace
}  // namespace dvhost::testing

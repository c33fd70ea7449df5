/// The same seed gives the same numbers, whatever the threads do.

#include "program.hpp"

namespace dvhost::testing {
namespace {

class Repeatable : public ProgramTest {
protected:
    std::string metrics_of(const std::vector<std::string>& more) {
        std::vector<std::string> words{"run", tiny()};
        words.insert(words.end(), more.begin(), more.end());
        const Result result = dvhost(words);
        EXPECT_EQ(result.code, 0) << result.err;
        return read("runs/tiny/version_" + std::to_string(n_runs_++) + "/metrics.csv");
    }

private:
    int n_runs_ = 0;
};

TEST_F(Repeatable, SameSeedSameMetricsWithOneAndTwoLoaderThreads) {
    const std::string first = metrics_of({"-o", "data.num_workers=1"});
    EXPECT_EQ(first, metrics_of({"-o", "data.num_workers=1"}));
    EXPECT_EQ(first, metrics_of({"-o", "data.num_workers=2"}));
    EXPECT_EQ(first, metrics_of({"-o", "data.num_workers=2", "-o", "data.prefetch=7"}));
}

TEST_F(Repeatable, AnotherSeedGivesOtherMetrics) {
    EXPECT_NE(metrics_of({}), metrics_of({"-o", "run.seed=8"}));
}

TEST_F(Repeatable, ASanityCheckLeavesNoTrace) {
    EXPECT_EQ(metrics_of({"-o", "trainer.num_sanity_val_steps=0"}), metrics_of({"-o", "trainer.num_sanity_val_steps=2"}));
}

}  // namespace
}  // namespace dvhost::testing

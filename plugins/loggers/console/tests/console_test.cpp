#include <dv/testing/load.hpp>

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace {

using dv::testing::Config;
using dv::testing::LoggerHandle;
using dv::testing::Plugin;
using Lines = std::vector<std::string>;

class ConsoleTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};

    LoggerHandle open(const Config& config = {}) { return plugin.make<dv::Logger>("console", config); }
    const Lines& printed() { return plugin.host().console.printed; }
};

TEST_F(ConsoleTest, ALinePerEpochWithItsNewestValues) {
    auto console = open();
    console.metrics({{"train/loss", 0.75}}, 0, 0);
    console.metrics({{"train/loss", 0.5}}, 1, 0);
    console.metrics({{"val/accuracy", 0.875}}, 1, 0);
    EXPECT_EQ(printed(), Lines{}) << "the epoch is not over";
    console.metrics({{"train/loss", 0.25}}, 2, 1);
    console.metrics({{"val/accuracy", 1.0 / 3}}, 2, 1);
    console.finalize();
    EXPECT_EQ(printed(), (Lines{"   epoch    step   train/loss  val/accuracy",
                                "       0       1          0.5         0.875",
                                "       1       2         0.25        0.3333"}));
}

TEST_F(ConsoleTest, ALinePerRowAndAHeadWhenItsColumnsChange) {
    auto console = open({{"per", "row"}, {"digits", 2}});
    console.metrics({{"a", -1.25e-7}}, 0, 0);
    console.metrics({{"a", std::numeric_limits<double>::infinity()}}, 1, -1);
    console.metrics({{"b", std::numeric_limits<double>::quiet_NaN()}}, 2, 0);
    console.finalize();
    EXPECT_EQ(printed(), (Lines{"   epoch    step          a",
                                "       0       0   -1.2e-07",
                                "               1        inf",
                                "   epoch    step          b",
                                "       0       2        nan"}));
}

TEST_F(ConsoleTest, ShowsWhatIsAskedForAndCountsWhatDoesNotFit) {
    plugin.host().console.width = 45;
    auto chosen = open({{"metrics", dv::testing::list("val/*")}});
    chosen.metrics({{"train/loss", 1.0}, {"val/loss", 2.0}}, 0, 0);
    chosen.finalize();
    EXPECT_EQ(printed(), (Lines{"   epoch    step     val/loss", "       0       0            2"}));
    auto all = open();
    all.metrics({{"a", 1.0}, {"b", 2.0}, {"c", 3.0}, {"d", 4.0}}, 0, 0);
    all.finalize();
    EXPECT_EQ(printed()[2], "   epoch    step            a  +3");
}

TEST_F(ConsoleTest, ControlCharactersStayOffTheTerminal) {
    auto console = open();
    console.metrics({{"a\x1b[2J\n\u2713", 1.0}}, 0, 0);
    console.finalize();
    EXPECT_EQ(printed()[0], "   epoch    step      a [2J \u2713");
}

TEST_F(ConsoleTest, WithoutATerminalItIsTheHostsLog) {
    plugin.host().withhold(DV_EXT_CONSOLE);
    auto console = open();
    console.metrics({{"a", 1.0}}, 0, 0);
    console.finalize();
    EXPECT_NE(plugin.host().log_text().find("epoch"), std::string::npos);
}

}  // namespace

#include "logger_options.hpp"

#include <dv/testing/host.hpp>

#include <gtest/gtest.h>

namespace loggers {
namespace {

namespace fs = std::filesystem;

/// What a plugin with these options looks like.
struct Sample final : dv::Logger, CommonOptions {
    bool own = true;
    static constexpr auto params = tracker_schema(dv::p("own", &Sample::own, true, "its own"));
};

std::vector<std::string> declared() {
    std::vector<std::string> names;
    dv::for_each_parameter<Sample>([&](const auto& p) { names.emplace_back(p.name); });
    return names;
}

class OutputFolder : public testing::Test {
protected:
    dv::testing::Host host;
    Sample logger;

    OutputFolder() { logger.host = host.for_component("dvhost.sample", "dvhost.logger.sample", "logger.0"); }
    fs::path made() { return output_folder(logger, logger); }
};

TEST(CommonOptions, AreDeclaredBehindTheOwnOnes) {
    EXPECT_EQ(declared(), (std::vector<std::string>{"own", "save_dir", "name", "version", "group", "tags", "prefix", "log_every"}));
}

TEST_F(OutputFolder, IsTheRunsUnlessAsked) { EXPECT_EQ(made(), host.run_dir()); }

TEST_F(OutputFolder, NumbersItselfBelowItsName) {
    logger.save_dir = host.run_dir() / "logs";
    logger.name = "mine";
    EXPECT_EQ(made(), host.run_dir() / "logs/mine/version_0");
    fs::create_directory(host.run_dir() / "logs/mine/version_7");
    fs::create_directory(host.run_dir() / "logs/mine/version_9x");
    EXPECT_EQ(made(), host.run_dir() / "logs/mine/version_8");
}

TEST_F(OutputFolder, TakesTheVersionAskedForAgain) {
    logger.name = "mine";
    logger.version = "3";
    EXPECT_EQ(made(), host.run_dir() / "mine/version_3");
    EXPECT_EQ(made(), host.run_dir() / "mine/version_3");
    logger.version = "fold a";
    EXPECT_EQ(made(), host.run_dir() / "mine/fold a");
}

TEST_F(OutputFolder, NeedsAFolderWhenThereIsNoRun) {
    host.withhold(DV_EXT_PATHS);
    try {
        made();
        FAIL();
    } catch (const dv::ParameterError& error) {
        EXPECT_NE(std::string(error.what()).find("save_dir"), std::string::npos) << error.what();
    }
}

TEST(Names, GetThePrefixAndTheJoiner) {
    Names plain, joined("fold 1", "-");
    EXPECT_EQ(plain.of("train/loss"), "train/loss");
    EXPECT_EQ(joined.of("train/loss"), "fold 1-train/loss");
    EXPECT_EQ(joined.of("lr"), "fold 1-lr");
}

TEST(RowFilter, KeepsADistanceInStepsPerSetOfNames) {
    const std::vector<dv_metric> a{{{"a", 1}, 0.0}}, b{{{"b", 1}, 0.0}};
    RowFilter filter(10);
    std::vector<int> written;
    for (int step = 0; step < 25; ++step) {
        if (filter.due({a, step, 0, 0.0})) written.push_back(step);
    }
    EXPECT_EQ(written, (std::vector<int>{0, 10, 20}));
    EXPECT_TRUE(filter.due({b, 21, 0, 0.0})) << "other names have a distance of their own";
    EXPECT_TRUE(filter.due({a, 3, 0, 0.0})) << "the step went back: it begins anew";
    EXPECT_FALSE(filter.due({a, 4, 0, 0.0}));
    EXPECT_TRUE(RowFilter(1).due({a, 4, 0, 0.0}));
}

}  // namespace
}  // namespace loggers

#include <dv/testing/load.hpp>

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

using dv::testing::Plugin;

namespace {

std::string content_of(const std::filesystem::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

TEST(@CLASS_NAME@, WritesOneLineForEachNumber) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    auto logger = plugin.make<dv::Logger>("@ID@");
    logger.metrics({{"train/loss", 0.5}, {"train/accuracy", 0.25}}, 3);
    logger.metrics({{"val/loss", 2.0}}, 4);
    logger.flush();
    EXPECT_EQ(content_of(plugin.host().run_dir() / "metrics.txt"),
              "3 train/loss 0.5\n3 train/accuracy 0.25\n4 val/loss 2\n");
}

TEST(@CLASS_NAME@, RoundsToTheDigitsThatAreAskedFor) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    auto logger = plugin.make<dv::Logger>("@ID@", {{"file", "short.txt"}, {"digits", 3}});
    logger.metrics({{"pi", 3.14159265}}, 0);
    logger.flush();
    EXPECT_EQ(content_of(plugin.host().run_dir() / "short.txt"), "0 pi 3.14\n");
}

TEST(@CLASS_NAME@, RefusesAFileThatCannotBeWritten) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    try {
        plugin.create("@ID@", {{"file", "no/such/folder/metrics.txt"}});
        FAIL() << "was created";
    } catch (const dv::ComponentError& error) {
        EXPECT_EQ(error.code(), DV_IO);
        EXPECT_NE(error.text.find("cannot write"), std::string::npos) << error.text;
    }
}

}  // namespace

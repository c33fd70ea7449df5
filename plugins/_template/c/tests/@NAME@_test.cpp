// The plugin is C; its test uses the C++ test support, which calls the same tables as the host.
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

TEST(@CLASS_NAME@, WritesStepNameAndValueBetweenTabs) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    auto logger = plugin.make<dv::Logger>("@ID@");
    logger.metrics({{"train/loss", 0.5}, {"train/accuracy", 0.25}}, 3);
    logger.flush();
    EXPECT_EQ(content_of(plugin.host().run_dir() / "metrics.tsv"), "3\ttrain/loss\t0.5\n3\ttrain/accuracy\t0.25\n");
}

TEST(@CLASS_NAME@, WritesTheFileThatIsNamed) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    auto logger = plugin.make<dv::Logger>("@ID@", {{"file", "other.tsv"}});
    logger.finalize();
    EXPECT_TRUE(std::filesystem::exists(plugin.host().run_dir() / "other.tsv"));
}

TEST(@CLASS_NAME@, RefusesAFileThatCannotBeWritten) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    try {
        plugin.create("@ID@", {{"file", "no/such/folder/metrics.tsv"}});
        FAIL() << "was created";
    } catch (const dv::ComponentError& error) {
        EXPECT_EQ(error.code(), DV_IO);
        EXPECT_NE(error.text.find("cannot write"), std::string::npos) << error.text;
    }
}

}  // namespace

#include "yaml_text.hpp"

#include "hparams_file.hpp"

#include <dv/testing/config.hpp>
#include <dv/testing/host.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>

namespace loggers {
namespace {

std::string yaml_of(const dv::testing::Config& config) {
    const dv::testing::Value value = config;
    const dv_config view = dv::testing::config_of(value);
    std::string out;
    yaml::append_table(out, view, view.root);
    return out;
}

std::string text_of(std::string_view text) {
    std::string out;
    yaml::append_string(out, text);
    return out;
}

std::string number_of(double value) {
    std::string out;
    yaml::append_number(out, value);
    return out;
}

TEST(Yaml, TablesAndListsAreBlocksInTheOrderOfTheirKeys) {
    using dv::testing::Config;
    EXPECT_EQ(yaml_of({{"trainer", Config{{"max_epochs", 3}, {"clip", 0.5}}},
                       {"layer", dv::testing::list(Config{{"name", "V1"}, {"conv", Config{{"channels", 4}}}}, Config{{"name", "V2"}})},
                       {"stages", dv::testing::list("fit", "test")},
                       {"empty", Config{}},
                       {"on", true}}),
              "empty: {}\n"
              "layer:\n"
              "- conv:\n"
              "    channels: 4\n"
              "  name: V1\n"
              "- name: V2\n"
              "\"on\": true\n"
              "stages:\n"
              "- fit\n"
              "- test\n"
              "trainer:\n"
              "  clip: 0.5\n"
              "  max_epochs: 3\n");
    EXPECT_EQ(yaml_of({}), "{}\n");
}

TEST(Yaml, TextsThatCouldBeSomethingElseAreQuoted) {
    EXPECT_EQ(text_of("runs/a-1.b_c"), "runs/a-1.b_c");
    for (const std::string word : {"yes", "No", "TRUE", "null", "on", "y"}) EXPECT_EQ(text_of(word), '"' + word + '"');
    EXPECT_EQ(text_of(""), "\"\"");
    EXPECT_EQ(text_of("1.5"), "\"1.5\"");
    EXPECT_EQ(text_of("a: b"), "\"a: b\"");
    EXPECT_EQ(text_of("say \"x\"\n"), "\"say \\\"x\\\"\\n\"");
}

TEST(Yaml, NumbersAreNumbersToPyYaml) {
    EXPECT_EQ(number_of(0.1), "0.1");
    EXPECT_EQ(number_of(1.0), "1.0");
    EXPECT_EQ(number_of(1e-7), "1.0e-07");
    EXPECT_EQ(number_of(2.5e-7), "2.5e-07");
    EXPECT_EQ(number_of(1e20), "1.0e+20");
    EXPECT_EQ(number_of(-INFINITY), "-.inf");
    EXPECT_EQ(number_of(NAN), ".nan");
}

TEST(HparamsFile, HoldsTheManifest) {
    dv::testing::Host host;
    const dv::testing::Value value = dv::testing::Config{{"a", 1}};
    write_hparams(host.run_dir(), dv::testing::config_of(value));
    std::ifstream in(host.run_dir() / "hparams.yaml");
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "a: 1\n");
    EXPECT_FALSE(std::filesystem::exists(host.run_dir() / "hparams.yaml.tmp"));
}

}  // namespace
}  // namespace loggers

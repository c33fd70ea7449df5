#include "wire/flat_config.hpp"

#include <dv/testing/config.hpp>

#include <gtest/gtest.h>

#include <limits>

namespace {

using dv::testing::Config;
using dv::testing::list;
using loggers::wire::flatten;
using loggers::wire::text_of;

std::string lines(const Config& config) {
    std::string out;
    const dv_config view = dv::testing::config_of(config);
    for (const auto& value : flatten(view)) out += value.name + " = " + text_of(value) + "\n";
    return out;
}

TEST(FlatConfig, TablesBecomePaths) {
    EXPECT_EQ(lines(Config{{"seed", 7}, {"model", Config{{"type", "rcnn"}, {"solver", Config{{"dt", 0.5}}}}}}),
              "seed = 7\nmodel/type = rcnn\nmodel/solver/dt = 0.5\n");
}

TEST(FlatConfig, ListsOfTablesAreCountedAndOtherListsAreText) {
    EXPECT_EQ(
        lines(Config{{"layer", list(Config{{"name", "V1"}}, Config{{"name", "V2"}})}, {"betas", list(0.9, 0.999)}}),
        "layer/0/name = V1\nlayer/1/name = V2\nbetas = [0.9, 0.999]\n");
}

TEST(FlatConfig, WhatIsEmptyIsStillThere) {
    EXPECT_EQ(lines(Config{{"a", Config{}}, {"b", list()}}), "a = {}\nb = []\n");
    EXPECT_EQ(lines(Config{}), "");
}

TEST(FlatConfig, EveryScalarHasAText) {
    EXPECT_EQ(lines(Config{{"on", true}, {"x", std::numeric_limits<double>::infinity()}, {"t", "caf\xC3\xA9"}}),
              "on = true\nx = inf\nt = caf\xC3\xA9\n");
}

}  // namespace

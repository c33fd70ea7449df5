#include "wire/config_json.hpp"

#include <dv/testing/config.hpp>

#include <gtest/gtest.h>

#include <limits>

namespace {

using dv::testing::Config;
using dv::testing::list;

TEST(ConfigJson, KeepsOrderAndTypes) {
    const Config config{{"z", 1}, {"a", list(0.5, 2.0)}, {"t", Config{{"on", true}, {"s", "x\"\xFF"}}}};
    const dv_config view = dv::testing::config_of(config);
    EXPECT_EQ(loggers::wire::dump(loggers::wire::json_of(view, view.root)),
              "{\"z\":1,\"a\":[0.5,2.0],\"t\":{\"on\":true,\"s\":\"x\\\"\xEF\xBF\xBD\"}}");
}

TEST(ConfigJson, WhatJsonHasNoWordForIsAString) {
    constexpr double kInf = std::numeric_limits<double>::infinity();
    EXPECT_EQ(loggers::wire::json_of(kInf), "Infinity");
    EXPECT_EQ(loggers::wire::json_of(-kInf), "-Infinity");
    EXPECT_EQ(loggers::wire::json_of(kInf - kInf), "NaN");
}

}  // namespace

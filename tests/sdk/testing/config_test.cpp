#include <dv/testing/config.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

using dv::testing::Config;
using dv::testing::list;
using dv::testing::parse_value;
using dv::testing::Value;

namespace {

dv_str borrow(std::string_view s) { return {s.data(), s.size()}; }

TEST(Config, IsReadThroughTheTableThatComponentsSee) {
    const Config root{
        {"on", true}, {"n", 3}, {"x", 0.5}, {"name", "csv"}, {"sizes", list(1, 2)}, {"in", Config{{"k", 7}}}};
    const dv_config c = dv::testing::config_of(root);
    std::int32_t on = 0;
    std::int64_t n = 0;
    double x = 0;
    dv_str name{};
    EXPECT_EQ(c.as_bool(c.get(c.root, borrow("on")), &on), DV_OK);
    EXPECT_EQ(c.as_int(c.get(c.root, borrow("n")), &n), DV_OK);
    EXPECT_EQ(c.as_float(c.get(c.root, borrow("x")), &x), DV_OK);
    EXPECT_EQ(c.as_string(c.get(c.root, borrow("name")), &name), DV_OK);
    EXPECT_EQ(on, 1);
    EXPECT_EQ(n, 3);
    EXPECT_EQ(x, 0.5);
    EXPECT_EQ(std::string_view(name.p, name.n), "csv");
    EXPECT_EQ(c.count(c.get(c.root, borrow("sizes"))), 2u);
    EXPECT_EQ(c.item(c.get(c.root, borrow("sizes")), 2), nullptr);
    EXPECT_EQ(c.kind(c.get(c.root, borrow("in"))), DV_KIND_TABLE);
    EXPECT_EQ(c.get(c.root, borrow("absent")), nullptr);
    EXPECT_EQ(c.count(c.root), 6u);
    EXPECT_EQ(std::string_view(c.key(c.root, 4).p, c.key(c.root, 4).n), "sizes");
}

TEST(Config, AnIntegerIsANumberButNoOtherTypeIsConverted) {
    const Config root{{"n", 3}, {"x", 2.0}, {"t", "4"}};
    const dv_config c = dv::testing::config_of(root);
    double x = 0;
    std::int64_t n = 0;
    EXPECT_EQ(c.as_float(c.get(c.root, borrow("n")), &x), DV_OK);
    EXPECT_EQ(x, 3.0);
    EXPECT_EQ(c.as_int(c.get(c.root, borrow("x")), &n), DV_WRONG_TYPE);
    EXPECT_EQ(c.as_float(c.get(c.root, borrow("t")), &x), DV_WRONG_TYPE);
}

TEST(ConfigText, ReadsTomlWithInlineTablesAndHeaders) {
    const Config expected{{"a", 1},
                          {"b", list("x", "y")},
                          {"c", Config{{"d", Config{{"e", -0.5}}}}},
                          {"t", Config{{"k", true}}},
                          {"l", list(Config{{"m", 1}}, Config{{"m", 2}})}};
    EXPECT_EQ(Config::parse(
                  "a = 1  # a comment\nb = [\"x\", 'y',]\nc = { d.e = -0.5 }\n[t]\nk = true\n[[l]]\nm=1\n[[l]]\nm=2\n"),
              expected);
}

TEST(ConfigText, ReadsJsonAndPairsOnOneLine) {
    const Config expected{{"patience", 2}, {"mode", "min"}};
    EXPECT_EQ(Config::parse(R"({"patience": 2, "mode": "min"})"), expected);
    EXPECT_EQ(Config::parse("patience = 2, mode = \"min\""), expected);
    EXPECT_EQ(Config::parse(""), Config());
}

TEST(ConfigText, KeepsIntegersAndNumbersApart) {
    EXPECT_EQ(parse_value("2"), Value(2));
    EXPECT_EQ(parse_value("2.0"), Value(2.0));
    EXPECT_EQ(parse_value("-1_000"), Value(-1000));
    EXPECT_EQ(parse_value("1e-3"), Value(1e-3));
    EXPECT_EQ(parse_value("-9223372036854775808"), Value(INT64_MIN));
    EXPECT_EQ(parse_value("5e-324"), Value(5e-324));
    EXPECT_EQ(parse_value("-inf"), Value(-INFINITY));
    EXPECT_TRUE(std::isnan(*parse_value("nan").as<double>()));
    EXPECT_EQ(parse_value(R"("tab\tquote\"")"), Value("tab\tquote\""));
}

std::string refusal(std::string_view text) {
    try {
        Config::parse(text);
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "accepted";
}

TEST(ConfigText, SaysWhereAndWhatWasExpected) {
    EXPECT_EQ(refusal("a = 1\nb = "), "configuration 2:5: expected a value, found the end");
    EXPECT_EQ(refusal("a = [1 2]"), "configuration 1:8: expected ',' or ']', found '2'");
    EXPECT_EQ(refusal("a = \"open\nb = 1"), "configuration 1:10: expected the closing quote, found '\n'");
    EXPECT_EQ(refusal("a 1"), "configuration 1:3: expected '=', found '1'");
    EXPECT_EQ(refusal("a = 1 b = 2"), "configuration 1:7: expected ',' or a new line, found 'b'");
    EXPECT_NE(refusal("a = 1\na = 2"), "accepted");
    EXPECT_NE(refusal("a = 1e999"), "accepted");
    EXPECT_NE(refusal("{a = 1} b"), "accepted");
}

}  // namespace

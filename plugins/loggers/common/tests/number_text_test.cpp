#include "number_text.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>

namespace {

std::string shortest(double value) {
    std::string out;
    loggers::append_number(out, value);
    return out;
}

std::string python(double value) {
    std::string out;
    loggers::append_python_number(out, value);
    return out;
}

TEST(NumberText, IsTheShortestThatReadsBack) {
    EXPECT_EQ(shortest(0.1), "0.1");
    EXPECT_EQ(shortest(10.0), "10");
    EXPECT_EQ(shortest(-0.0), "-0");
    EXPECT_EQ(shortest(5e-324), "5e-324");
    EXPECT_EQ(shortest(1e100), "1e+100");
    EXPECT_EQ(shortest(0.1f), "0.10000000149011612");
}

TEST(NumberText, EveryDoubleReadsBack) {
    std::mt19937_64 random(7);
    for (int i = 0; i < 100000; ++i) {
        const auto value = std::bit_cast<double>(random());
        if (!std::isfinite(value)) continue;
        for (const std::string& text : {shortest(value), python(value)}) {
            double back = 0;
            std::from_chars(text.data(), text.data() + text.size(), back);
            ASSERT_EQ(std::bit_cast<std::uint64_t>(back), std::bit_cast<std::uint64_t>(value)) << text;
        }
    }
}

TEST(NumberText, SpecialValuesAreThoseThatPythonPrintsAndReads) {
    const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
    EXPECT_EQ(shortest(nan), "nan");
    EXPECT_EQ(shortest(-nan), "nan");
    EXPECT_EQ(shortest(inf), "inf");
    EXPECT_EQ(shortest(-inf), "-inf");
    EXPECT_EQ(python(-nan), "nan");
    EXPECT_EQ(python(-inf), "-inf");
}

// Right-hand sides: repr() of CPython 3.11.
TEST(NumberText, PythonFormIsRepr) {
    EXPECT_EQ(python(1.0), "1.0");
    EXPECT_EQ(python(-0.0), "-0.0");
    EXPECT_EQ(python(0.0001), "0.0001");
    EXPECT_EQ(python(0.00001), "1e-05");
    EXPECT_EQ(python(1e15), "1000000000000000.0");
    EXPECT_EQ(python(1e16), "1e+16");
    EXPECT_EQ(python(1.25e-7), "1.25e-07");
    EXPECT_EQ(python(123456789.125), "123456789.125");
    EXPECT_EQ(python(1.7976931348623157e308), "1.7976931348623157e+308");
    EXPECT_EQ(python(-4.797582626342773), "-4.797582626342773");
}

}  // namespace

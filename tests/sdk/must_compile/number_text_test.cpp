// Defaults and bounds are written as short decimals that read back as the same double.
#include <dv/note.hpp>
#include <dv/random.hpp>

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>

namespace {

std::string text_of(double value) {
    char buffer[64]{};
    dv::detail::TextOut out{buffer};
    out.real(value);
    return {buffer, out.size};
}

double read(const std::string& text) { return std::strtod(text.c_str(), nullptr); }

/// TOML wants a point or an exponent in a float, and digits on both sides of a point.
bool is_toml_float(const std::string& text) {
    const std::size_t point = text.find('.');
    return point != std::string::npos && point > 0 && std::isdigit(static_cast<unsigned char>(text[point - 1])) &&
           point + 1 < text.size() && std::isdigit(static_cast<unsigned char>(text[point + 1]));
}

TEST(NumberText, IsShortForWhatPeopleWrite) {
    EXPECT_EQ(text_of(0.0), "0.0");
    EXPECT_EQ(text_of(0.1), "0.1");
    EXPECT_EQ(text_of(-2.5), "-2.5");
    EXPECT_EQ(text_of(2e-4), "0.0002");
    EXPECT_EQ(text_of(1e-8), "1.0e-8");
    EXPECT_EQ(text_of(0.999), "0.999");
    EXPECT_EQ(text_of(1e6), "1000000.0");
    EXPECT_EQ(text_of(3.141592653589793), "3141592653589793.0e-15");
}

TEST(NumberText, ReadsBackAsTheSameDouble) {
    for (const double value : {1e-8, 2e-4, 0.1, 1.0 / 3.0, 1e22, 1e23, 123456.789, 5e-324, 2.2250738585072014e-308,
                               1e-300, 1.7e308, 9007199254740993.0, 4.35, 0.30000000000000004}) {
        for (const double signed_value : {value, -value}) {
            const std::string text = text_of(signed_value);
            EXPECT_EQ(read(text), signed_value) << text;
            EXPECT_TRUE(is_toml_float(text)) << text;
        }
    }
}

TEST(NumberText, ReadsBackForRandomDecimals) {
    dv::Random random(91, 0, 0, dv::Purpose::synthesize);
    for (int i = 0; i < 2000; ++i) {
        const auto mantissa = static_cast<double>(random.below(1'000'000));
        const int exponent = static_cast<int>(random.below(30)) - 15;
        const std::string written = std::to_string(static_cast<int>(mantissa)) + "e" + std::to_string(exponent);
        const double value = read(written);
        EXPECT_EQ(read(text_of(value)), value) << written << " became " << text_of(value);
    }
}

TEST(NumberText, InfinityIsTomls) {
    EXPECT_EQ(text_of(std::numeric_limits<double>::infinity()), "inf");
    EXPECT_EQ(text_of(-std::numeric_limits<double>::infinity()), "-inf");
}

TEST(NumberText, IntegersReachBothEnds) {
    const auto text = [](std::int64_t value) {
        char buffer[32]{};
        dv::detail::TextOut out{buffer};
        out.integer(value);
        return std::string(buffer, out.size);
    };
    EXPECT_EQ(text(0), "0");
    EXPECT_EQ(text(-40), "-40");
    EXPECT_EQ(text(std::numeric_limits<std::int64_t>::max()), "9223372036854775807");
    EXPECT_EQ(text(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
}

}  // namespace

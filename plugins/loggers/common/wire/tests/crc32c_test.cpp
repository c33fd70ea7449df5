#include "wire/crc32c.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace {

using loggers::wire::crc32c;
using loggers::wire::crc32c_by_table;
using loggers::wire::masked;

/// Values of RFC 3720, appendix B.4.
TEST(Crc32c, GivesTheValuesOfTheStandard) {
    std::string rising(32, '\0');
    for (std::size_t i = 0; i < rising.size(); ++i) rising[i] = static_cast<char>(i);
    for (const auto crc : {crc32c, crc32c_by_table}) {
        EXPECT_EQ(crc(std::string(32, '\0')), 0x8A9136AAu);
        EXPECT_EQ(crc(std::string(32, '\xFF')), 0x62A8AB43u);
        EXPECT_EQ(crc(rising), 0x46DD794Eu);
        EXPECT_EQ(crc("123456789"), 0xE3069283u);
        EXPECT_EQ(crc(""), 0u);
    }
}

TEST(Crc32c, TableAndInstructionAgreeAtEveryLength) {
    std::mt19937 random(1);
    std::string text;
    for (int n = 0; n < 300; ++n) {
        EXPECT_EQ(crc32c(text), crc32c_by_table(text)) << n;
        text += static_cast<char>(random());
    }
}

/// The first record of every event file: the length 24, as TensorBoard writes it.
TEST(Crc32c, MaskedIsTensorFlows) {
    EXPECT_EQ(masked(0), 0xA282EAD8u);
    EXPECT_EQ(masked(crc32c(std::string_view("\x18\0\0\0\0\0\0\0", 8))), 0x224B7FA3u);
}

}  // namespace

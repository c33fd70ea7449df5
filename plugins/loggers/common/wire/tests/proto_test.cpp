#include "wire/proto.hpp"

#include "wire/tests/proto_reader.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

namespace {

using loggers::testing::Fields;
using loggers::wire::append_varint;
using loggers::wire::Message;
using loggers::wire::varint_size;

std::string varint(std::uint64_t value) {
    std::string out;
    append_varint(out, value);
    return out;
}

TEST(Proto, VarintsAreThoseOfTheSpecification) {
    EXPECT_EQ(varint(0), std::string(1, '\0'));
    EXPECT_EQ(varint(1), "\x01");
    EXPECT_EQ(varint(150), "\x96\x01");
    EXPECT_EQ(varint(std::numeric_limits<std::uint64_t>::max()), "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01");
    for (const std::uint64_t value : {0ull, 127ull, 128ull, 16383ull, 16384ull, ~0ull}) {
        EXPECT_EQ(varint(value).size(), varint_size(value)) << value;
    }
}

TEST(Proto, FieldsAreThoseOfTheSpecification) {
    std::string out;
    Message(out).integer(1, 150).bytes(2, "testing").nested(3, [](Message& m) { m.integer(1, 150); });
    EXPECT_EQ(out, "\x08\x96\x01\x12\x07testing\x1A\x03\x08\x96\x01");
}

TEST(Proto, ANegativeNumberTakesTenBytesAndComesBack) {
    std::string out;
    Message(out).integer(2, -7);
    EXPECT_EQ(out.size(), 11u);
    EXPECT_EQ(Fields(out).at(2).as_int(), -7);
}

TEST(Proto, FloatingPointNumbersKeepTheirBits) {
    constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
    std::string out;
    Message(out).number(1, 0.1).number32(2, 0.1f).number(3, kNan).number(16, -0.0);
    const Fields fields(out);
    EXPECT_EQ(fields.at(1).as_double(), 0.1);
    EXPECT_EQ(fields.at(2).as_float(), 0.1f);
    EXPECT_NE(fields.at(3).as_double(), fields.at(3).as_double());
    EXPECT_TRUE(std::signbit(fields.at(16).as_double()));
}

TEST(Proto, NestedMessagesOfAnyLengthAreFramed) {
    for (const std::size_t size : {0, 1, 100, 123, 124, 125, 126, 127, 128, 16380, 20000}) {
        const std::string payload(size, 'x');
        std::string out = "before";
        Message(out).nested(1, [&](Message& m) {
            m.integer(9, 1).nested(2, [&](Message& inner) { inner.bytes(3, payload); }).integer(4, 5);
        });
        out.erase(0, 6);
        const Fields outer = Fields(out).message(1);
        EXPECT_EQ(outer.message(2).text(3), payload);
        EXPECT_EQ(outer.at(4).as_int(), 5);
    }
}

TEST(Proto, PackedNumbersLieSideBySide) {
    const std::array values{1.5f, -2.0f, 0.0f};
    std::string out;
    Message(out).packed<float>(5, values);
    EXPECT_EQ(Fields(out).at(5).bytes.size(), 12u);
    EXPECT_EQ(Fields(out).at(5).bytes.substr(0, 4), std::string_view("\0\0\xC0\x3F", 4));
}

}  // namespace

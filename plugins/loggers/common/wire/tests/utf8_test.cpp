#include "wire/utf8.hpp"

#include <gtest/gtest.h>

namespace {

using loggers::wire::cut_utf8;
using loggers::wire::valid_utf8;

TEST(Utf8, GoodTextStaysAsItIs) {
    for (const char* text : {"", "plain", "caf\xC3\xA9", "\xE2\x80\xA8", "\xF0\x9F\x9A\x80", "\xED\x9F\xBF\xEE\x80\x80",
                             "\xF4\x8F\xBF\xBF"}) {
        EXPECT_EQ(valid_utf8(text), text);
    }
}

TEST(Utf8, EveryBadByteIsReplaced) {
    const std::string bad = "\xEF\xBF\xBD";
    EXPECT_EQ(valid_utf8("a\xFFz"), "a" + bad + "z");
    EXPECT_EQ(valid_utf8("\xE2\x82"), bad + bad);            // cut short
    EXPECT_EQ(valid_utf8("\xC0\xAF"), bad + bad);            // longer than needed
    EXPECT_EQ(valid_utf8("\xE0\x80\xAF"), bad + bad + bad);  // the same
    EXPECT_EQ(valid_utf8("\xED\xA0\x80"), bad + bad + bad);  // a surrogate
    EXPECT_EQ(valid_utf8("\xF4\x90\x80\x80"), bad + bad + bad + bad);
}

TEST(Utf8, CutsBetweenCodePoints) {
    EXPECT_EQ(cut_utf8("caf\xC3\xA9", 5), "caf\xC3\xA9");
    EXPECT_EQ(cut_utf8("caf\xC3\xA9", 4), "caf");
    EXPECT_EQ(cut_utf8("\xF0\x9F\x9A\x80", 3), "");
    EXPECT_EQ(cut_utf8("abc", 2), "ab");
}

}  // namespace

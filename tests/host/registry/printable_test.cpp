#include "registry/printable.hpp"

#include <gtest/gtest.h>

namespace dvhost::registry {
namespace {

TEST(Printable, KeepsGoodTextAsItIs) {
    EXPECT_EQ(printable("ein Größenwahn: ∂r/∂t\n\tτ = 5 🧠"), "ein Größenwahn: ∂r/∂t\n\tτ = 5 🧠");
}

TEST(Printable, ShowsControlCharactersInsteadOfObeyingThem) {
    EXPECT_EQ(printable("\x1b[2J"), "\\x1b[2J");
    EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
    EXPECT_EQ(printable("\xc2\x9b"), "\\x9b");  // a control sequence introducer in one character
}

TEST(Printable, ReplacesEveryMalformedByte) {
    EXPECT_EQ(printable("a\xff\xfe z"), "a\uFFFD\uFFFD z");
    EXPECT_EQ(printable("\xc0\xaf"), "\uFFFD\uFFFD");            // "/" in two bytes
    EXPECT_EQ(printable("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate
    EXPECT_EQ(printable("\xe2\x82"), "\uFFFD\uFFFD");            // cut off
}

TEST(Printable, CutsBetweenCharactersAndSaysSo) {
    const std::string cut = printable("ääääääää", 8);
    EXPECT_EQ(cut, "ää...");
    EXPECT_EQ(printable("12345678", 8), "12345678");
    EXPECT_LE(printable(std::string(100'000, 'x')).size(), kMaxText);
}

TEST(FirstInvalidUtf8, GivesThePlaceOfTheFirstBadByte) {
    EXPECT_EQ(first_invalid_utf8("schön"), std::nullopt);
    EXPECT_EQ(first_invalid_utf8("ab\xffz"), 2u);
    EXPECT_EQ(first_invalid_utf8("\xf4\x90\x80\x80"), 0u);  // beyond U+10FFFF
}

}  // namespace
}  // namespace dvhost::registry

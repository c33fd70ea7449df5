#include "keys.hpp"

#include <gtest/gtest.h>

namespace {

using mlflow::Keys;
using mlflow::valid_key;

TEST(MlflowKeys, GoodNamesStayAsTheyAre) {
    for (const char* name : {"train/loss", "a b-c.d_e:f", "caf\xC3\xA9", "\xE6\x97\xA5\xE6\x9C\xAC", "x..y"})
        EXPECT_EQ(valid_key(name), name);
}

TEST(MlflowKeys, OtherCharactersBecomeUnderscores) {
    EXPECT_EQ(valid_key("a\"b\n"), "a_b_");
    EXPECT_EQ(valid_key("rocket \xF0\x9F\x9A\x80"), "rocket _");
    EXPECT_EQ(valid_key("bad\xFF"), "bad_");
}

TEST(MlflowKeys, NamesAreNormalisedPaths) {
    EXPECT_EQ(valid_key("/a//b/./c/"), "a/b/c");
    EXPECT_EQ(valid_key("../../etc"), "__/__/etc");
    EXPECT_EQ(valid_key(""), "_");
    EXPECT_EQ(valid_key("."), "_");
}

TEST(MlflowKeys, LongNamesAreCut) { EXPECT_EQ(valid_key(std::string(1000, 'x')).size(), mlflow::kLongestKey); }

TEST(MlflowKeys, TwoNamesNeverShareOneKey) {
    Keys keys;
    EXPECT_EQ(keys.of("a?"), "a_");
    EXPECT_EQ(keys.of("a!"), "a__2");
    EXPECT_EQ(keys.of("a?"), "a_");
    EXPECT_EQ(keys.of(std::string(300, 'x') + "1").size(), mlflow::kLongestKey);
    EXPECT_TRUE(keys.of(std::string(300, 'x') + "2").ends_with("_2"));
}

}  // namespace

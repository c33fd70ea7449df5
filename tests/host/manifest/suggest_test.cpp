#include "manifest/suggest.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace dvhost::manifest {
namespace {

const std::vector<std::string> kSolvers{"euler", "rk4", "exponential_euler"};

TEST(Closest, FindsEachKindOfSlip) {
    EXPECT_EQ(closest("eulr", kSolvers), "euler");    // left out
    EXPECT_EQ(closest("euller", kSolvers), "euler");  // doubled
    EXPECT_EQ(closest("eular", kSolvers), "euler");   // replaced
    EXPECT_EQ(closest("eluer", kSolvers), "euler");   // swapped: one edit, where two replacements would be too many
    EXPECT_EQ(closest("Euler", kSolvers), "euler");
    EXPECT_EQ(closest("exponentialeuler", kSolvers), "exponential_euler");
}

TEST(Closest, AllowsAThirdOfTheLettersAndAtLeastOne) {
    const std::vector<std::string> names{"abcdef"};
    EXPECT_EQ(closest("abcdxx", names), "abcdef");
    EXPECT_EQ(closest("abcxxx", names), std::nullopt);
    EXPECT_EQ(closest("rk", kSolvers), "rk4");
    EXPECT_EQ(closest("r", kSolvers), std::nullopt);
}

TEST(Closest, PrefersTheNearestThenTheFirst) {
    const std::vector<std::string> names{"batch_sizes", "batch_site", "batch_size"};
    EXPECT_EQ(closest("batch_size", names), "batch_size");
    EXPECT_EQ(closest("batch_sie", names), "batch_site");
}

TEST(Closest, SuggestsNothingThatHasNothingInCommon) {
    const std::vector<std::string> names{"x"};
    EXPECT_EQ(closest("y", names), std::nullopt);
    EXPECT_EQ(closest("", names), std::nullopt);
    EXPECT_EQ(closest("x", {}), std::nullopt);
}

}  // namespace
}  // namespace dvhost::manifest

#include <dv/random.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace {

using Block = std::array<std::uint32_t, 4>;

// Known answers of Random123 for Philox4x32-10 (Salmon et al., SC 2011).
TEST(Philox, GivesTheKnownAnswers) {
    constexpr std::uint32_t ones = 0xffffffffu;
    EXPECT_EQ(dv::philox({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}));
    EXPECT_EQ(dv::philox({ones, ones, ones, ones}, {ones, ones}),
              (Block{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}));
    EXPECT_EQ(dv::philox({0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}, {0xa4093822u, 0x299f31d0u}),
              (Block{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}));
}

TEST(Random, StartsWithTheBlockOfItsSeedSampleEpochAndPurpose) {
    dv::Random random(42, 0, 0, dv::Purpose::augment);
    for (const std::uint32_t word : {0x610ce4e4u, 0x7fd5c499u, 0xd49de68fu, 0xf70f1e6eu})
        EXPECT_EQ(random.bits(), word);
    EXPECT_FLOAT_EQ(dv::Random(42, 0, 0, dv::Purpose::augment).uniform(), 0.3791029453277588f);
}

TEST(Random, GoesOnWithTheNextCounter) {
    dv::Random random(7, 3, 2, dv::Purpose::order);
    for (int i = 0; i < 4; ++i) random.bits();
    EXPECT_EQ(random.bits(), dv::philox({3, 0, 2, 1}, {7, 0})[0]);
}

TEST(Random, DependsOnEveryPartOfItsKey) {
    std::set<std::uint32_t> first;
    const std::uint64_t high = std::uint64_t{1} << 40;
    for (const auto& [seed, sample, epoch, purpose] :
         {std::tuple{std::uint64_t{1}, std::uint64_t{0}, 0u, dv::Purpose::order},
          {2, 0, 0, dv::Purpose::order},
          {1 + high, 0, 0, dv::Purpose::order},
          {1, 1, 0, dv::Purpose::order},
          {1, high, 0, dv::Purpose::order},
          {1, 0, 1, dv::Purpose::order},
          {1, 0, 0, dv::Purpose::present}}) {
        first.insert(dv::Random(seed, sample, epoch, purpose).bits());
    }
    EXPECT_EQ(first.size(), 7u);
}

TEST(Random, BelowIsUniform) {
    dv::Random random(1, 2, 3, dv::Purpose::synthesize);
    constexpr int kDraws = 60000;
    std::array<int, 6> counts{};
    for (int i = 0; i < kDraws; ++i) ++counts.at(random.below(6));
    for (const int n : counts) EXPECT_NEAR(n, kDraws / 6, 5 * std::sqrt(kDraws / 6.0));
}

TEST(Random, UniformLiesInTheHalfOpenUnitInterval) {
    dv::Random random(9, 9, 9, dv::Purpose::initialise);
    double sum = 0;
    for (int i = 0; i < 20000; ++i) {
        const float u = random.uniform();
        ASSERT_GE(u, 0.0f);
        ASSERT_LT(u, 1.0f);
        sum += u;
    }
    EXPECT_NEAR(sum / 20000, 0.5, 0.01);
}

TEST(Permutation, HoldsEachIndexOnceAndDependsOnItsKey) {
    const auto order = dv::permutation(100, dv::Random(1, 0, 0, dv::Purpose::order));
    auto sorted = order;
    std::sort(sorted.begin(), sorted.end());
    for (std::uint32_t i = 0; i < 100; ++i) EXPECT_EQ(sorted[i], i);
    EXPECT_EQ(order, dv::permutation(100, dv::Random(1, 0, 0, dv::Purpose::order)));
    EXPECT_NE(order, dv::permutation(100, dv::Random(1, 0, 1, dv::Purpose::order)));
    EXPECT_TRUE(dv::permutation(0, dv::Random(1, 0, 0, dv::Purpose::order)).empty());
}

TEST(DeriveKey, TellsTextsAndSeedsApart) {
    EXPECT_EQ(dv::derive_key(5, "conv.weight"), dv::derive_key(5, "conv.weight"));
    EXPECT_NE(dv::derive_key(5, "conv.weight"), dv::derive_key(5, "conv.bias"));
    EXPECT_NE(dv::derive_key(5, "conv.weight"), dv::derive_key(6, "conv.weight"));
}

}  // namespace

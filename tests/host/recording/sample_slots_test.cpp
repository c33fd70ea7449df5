#include "recording/sample_slots.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace dvhost::testing {
namespace {

using recording::Policy;
using recording::SampleSlots;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Numbers 0, 1, ... put into places; what is there in the end, in the order in which it came.
std::vector<int> kept_of(SampleSlots& slots, int n) {
    std::vector<int> places;
    for (int i = 0; i < n; ++i) {
        const auto place = slots.next();
        if (!place) continue;
        if (*place >= static_cast<std::int64_t>(places.size())) places.resize(static_cast<std::size_t>(*place) + 1);
        places[static_cast<std::size_t>(*place)] = i;
    }
    std::vector<int> out;
    for (const std::int64_t place : slots.by_age()) out.push_back(places[static_cast<std::size_t>(place)]);
    return out;
}

TEST(SampleSlots, FixedKeepsTheFirst) {
    SampleSlots slots(Policy::fixed, 3, 1);
    EXPECT_THAT(kept_of(slots, 5), ElementsAre(0, 1, 2));
    EXPECT_EQ(slots.n_seen(), 5);
    EXPECT_TRUE(slots.is_closed());
}

// DynVision's ring of 3: after 0 … 4 the oldest is 2 and the newest 4.
TEST(SampleSlots, CyclicKeepsTheLastOldestFirst) {
    SampleSlots slots(Policy::cyclic, 3, 1);
    EXPECT_THAT(kept_of(slots, 5), ElementsAre(2, 3, 4));
    EXPECT_FALSE(slots.is_closed());
}

TEST(SampleSlots, WithoutCapacityAllAreKept) {
    SampleSlots slots(Policy::fixed, std::nullopt, 1);
    EXPECT_THAT(kept_of(slots, 4), ElementsAre(0, 1, 2, 3));
}

TEST(SampleSlots, ACapacityOfZeroKeepsNothing) {
    for (const Policy policy : {Policy::fixed, Policy::cyclic, Policy::reservoir}) {
        SampleSlots slots(policy, 0, 1);
        EXPECT_THAT(kept_of(slots, 10), IsEmpty());
    }
}

TEST(SampleSlots, FewerThanFitAreAllKeptByEveryPolicy) {
    for (const Policy policy : {Policy::fixed, Policy::cyclic, Policy::reservoir}) {
        SampleSlots slots(policy, 10, 1);
        EXPECT_THAT(kept_of(slots, 3), ElementsAre(0, 1, 2));
    }
}

// Each of n samples stays with probability k/n: counts are within 5 standard deviations of the binomial.
TEST(SampleSlots, ReservoirGivesEverySampleTheSameChance) {
    constexpr int n = 20, k = 5, n_runs = 4000;
    std::vector<int> count(n, 0);
    for (int seed = 0; seed < n_runs; ++seed) {
        SampleSlots slots(Policy::reservoir, k, static_cast<std::uint64_t>(seed));
        for (const int kept : kept_of(slots, n)) ++count[static_cast<std::size_t>(kept)];
    }
    const double p = static_cast<double>(k) / n, deviation = std::sqrt(n_runs * p * (1 - p));
    for (int i = 0; i < n; ++i) EXPECT_NEAR(count[static_cast<std::size_t>(i)], n_runs * p, 5 * deviation) << i;
}

TEST(SampleSlots, ReservoirRepeatsItselfForASeed) {
    SampleSlots a(Policy::reservoir, 4, 7), b(Policy::reservoir, 4, 7), c(Policy::reservoir, 4, 8);
    const auto first = kept_of(a, 100);
    EXPECT_EQ(first, kept_of(b, 100));
    EXPECT_NE(first, kept_of(c, 100));
}

}  // namespace
}  // namespace dvhost::testing

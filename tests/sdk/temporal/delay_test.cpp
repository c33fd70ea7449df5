#include <dv/temporal/delay.hpp>

#include <dv/error.hpp>
#include <dv/random.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace {

using dv::temporal::steps_of;
using dv::temporal::UpdateOrder;

TEST(Steps, AreTheQuotientOfTheWrittenDecimals) {
    for (const auto& [delay, dt, steps] : {std::tuple{6.0, 2.0, 3},
                                           {0.3, 0.1, 3},
                                           {0.7, 0.1, 7},
                                           {1.1, 0.1, 11},
                                           {0.0, 2.0, 0},
                                           {30.0, 0.25, 120},
                                           {4.35, 0.01, 435},
                                           {1e11, 1e3, 100000000}}) {
        const auto found = steps_of(delay, dt);
        EXPECT_EQ(found.steps, steps) << delay << " / " << dt;
        EXPECT_TRUE(found.exact) << delay << " / " << dt;
        EXPECT_EQ(found.error_ms, 0.0) << delay << " / " << dt;
    }
}

TEST(Steps, HalvesGoToTheEvenNeighbour) {
    for (const auto& [delay, dt, steps] : {std::tuple{1.0, 2.0, 0},
                                           {3.0, 2.0, 2},
                                           {5.0, 2.0, 2},
                                           {7.0, 2.0, 4},
                                           {0.15, 0.1, 2},
                                           {0.25, 0.1, 2},
                                           {0.35, 0.1, 4},
                                           {0.05, 0.1, 0}}) {
        EXPECT_EQ(steps_of(delay, dt).steps, steps) << delay << " / " << dt;
    }
}

TEST(Steps, SayHowFarTheyAreOff) {
    const auto few = steps_of(5.0, 2.0);
    EXPECT_DOUBLE_EQ(few.error_ms, -1.0);
    EXPECT_FALSE(few.exact);
    const auto many = steps_of(3.9, 2.0);
    EXPECT_EQ(many.steps, 2);
    EXPECT_NEAR(many.error_ms, 0.1, 1e-15);
    EXPECT_FALSE(many.exact);
    EXPECT_TRUE(steps_of(6.000001, 2.0).exact);
    EXPECT_FALSE(steps_of(6.00001, 2.0).exact);
}

TEST(Steps, CoverTheWholeRange) {
    EXPECT_EQ(steps_of(1e-300, 1.0).steps, 0);
    EXPECT_TRUE(steps_of(1e-300, 1.0).exact);
    EXPECT_TRUE(steps_of(1.2345678901234567e-10, 1.0).exact);
    EXPECT_FALSE(steps_of(1.2345678901234567e-3, 1.0).exact);
    EXPECT_EQ(steps_of(5e-324, 5e-324).steps, 1);
    EXPECT_EQ(steps_of(0.0, 5e-324).steps, 0);
    EXPECT_EQ(steps_of(999999999999.0, 0.001).steps, 999999999999000);
    EXPECT_EQ(steps_of(1e11, 1.2345678901234567e5).steps, 810000);
}

TEST(Steps, RefuseWhatIsNoDelay) {
    EXPECT_THROW(steps_of(-1.0, 2.0), dv::Error);
    EXPECT_THROW(steps_of(1.0, 0.0), dv::Error);
    EXPECT_THROW(steps_of(1.0, std::numeric_limits<double>::infinity()), dv::Error);
    EXPECT_THROW(steps_of(std::numeric_limits<double>::quiet_NaN(), 1.0), dv::Error);
    EXPECT_THROW(steps_of(1.0, 1e-300), dv::Error);
}

// Decimals with up to eight digits: the quotient as a fraction of whole numbers is the oracle.
TEST(Steps, AgreeWithExactFractions) {
    dv::Random random(1, 0, 0, dv::Purpose::order);
    const auto power = [](int n) {
        std::int64_t p = 1;
        while (n-- > 0) p *= 10;
        return p;
    };
    for (int i = 0; i < 20000; ++i) {
        const std::int64_t a = random.below(1000000), b = 1 + random.below(2000);
        const int places_a = static_cast<int>(random.below(5)), places_b = static_cast<int>(random.below(5));
        const std::string text_a = std::to_string(a) + "e-" + std::to_string(places_a);
        const std::string text_b = std::to_string(b) + "e-" + std::to_string(places_b);
        const std::int64_t top = a * power(places_b), bottom = b * power(places_a);
        const std::int64_t whole = top / bottom, twice = 2 * (top % bottom);
        const bool up = twice > bottom || (twice == bottom && whole % 2 == 1);
        const auto found = steps_of(std::strtod(text_a.c_str(), nullptr), std::strtod(text_b.c_str(), nullptr));
        ASSERT_EQ(found.steps, whole + (up ? 1 : 0)) << text_a << " / " << text_b;
        ASSERT_EQ(found.error_ms == 0.0, twice == 0) << text_a << " / " << text_b;
    }
}

TEST(Lags, FollowTheUpdateOrder) {
    using namespace dv::temporal;
    EXPECT_EQ(forward_lag(0, UpdateOrder::sequential), 0);
    EXPECT_EQ(forward_lag(3, UpdateOrder::sequential), 3);
    EXPECT_EQ(forward_lag(0, UpdateOrder::synchronous), 1);
    EXPECT_EQ(backward_lag(0, UpdateOrder::sequential), 1);
    EXPECT_EQ(backward_lag(1, UpdateOrder::sequential), 1);
    EXPECT_EQ(backward_lag(3, UpdateOrder::sequential), 3);
    EXPECT_EQ(backward_lag(0, UpdateOrder::synchronous), 1);
    EXPECT_EQ(backward_lag(3, UpdateOrder::synchronous), 4);
}

}  // namespace

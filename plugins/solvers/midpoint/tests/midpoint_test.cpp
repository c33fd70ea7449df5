#include <dv/testing/load.hpp>
#include <dv/torch/solver.hpp>

#include <ATen/ops/scalar_tensor.h>

#include <gtest/gtest.h>

#include <cmath>

namespace {

std::shared_ptr<dv::Solver> midpoint() {
    return dv::testing::Plugin(DV_PLUGIN_UNDER_TEST).make<dv::Solver>("midpoint");
}

at::Tensor number(double value) { return at::scalar_tensor(value, at::kDouble); }

/// tau dr/dt = -r + 1 from 0, at 10 ms with tau 10 ms.
double at_10_ms(const dv::Solver& solver, double dt) {
    at::Tensor rate = number(0);
    for (int n = 0; n < static_cast<int>(std::lround(10.0 / dt)); ++n)
        rate = solver.step(rate, number(1), {dt, 10.0, {}});
    return rate.item<double>();
}

// With the drive held, every two-stage method of order 2 multiplies the distance to it by 1 - a + a^2/2.
TEST(Midpoint, HasTheTextbookValues) {
    const auto solver = midpoint();
    EXPECT_NEAR(at_10_ms(*solver, 2.0), .6292601568, 1e-12);
    EXPECT_NEAR(at_10_ms(*solver, 1.0), .6314590151664481, 1e-14);
    EXPECT_NEAR(at_10_ms(*solver, 0.5), .6319613783281437, 1e-14);
    EXPECT_NEAR(at_10_ms(*solver, 0.1), .6321143812838084, 1e-13);
}

TEST(Midpoint, IsStableUpToTwoTimeConstants) { EXPECT_NEAR(midpoint()->stability_limit(), 2.0, 1e-12); }

TEST(Midpoint, IsNotAffineForAnEngine) { EXPECT_FALSE(midpoint()->affine({1.0, 10.0, {}})); }

TEST(Midpoint, EvaluatesTheDriveTwice) {
    const dv::Tableau method = midpoint()->tableau().value();
    EXPECT_EQ(method.stages, 2);
    EXPECT_EQ(method.order, 2);
    EXPECT_EQ(method.c[1], 0.5);
    EXPECT_FALSE(method.adaptive());
}

TEST(Midpoint, SaysWhatItDoes) {
    EXPECT_EQ(midpoint()->equation({1.0, 2.0, {}}),
              "tau dr/dt = -r + x by 2 stages of order 2; for a constant x: r <- 0.625 r + 0.375 x");
}

}  // namespace

#include <dv/testing/load.hpp>
#include <dv/torch/solver.hpp>

#include <ATen/ops/full.h>
#include <ATen/ops/scalar_tensor.h>

#include <gtest/gtest.h>

#include <cmath>

namespace {

using dv::TimeStep;

std::shared_ptr<dv::Solver> euler() { return dv::testing::Plugin(DV_PLUGIN_UNDER_TEST).make<dv::Solver>("euler"); }

at::Tensor number(double value) { return at::scalar_tensor(value, at::kDouble); }
double value(const at::Tensor& t) { return t.item<double>(); }

// Values of DynVision 0.1.0's EulerStep, dt 2, tau 5, constant drive 1 from no state.
TEST(Euler, HasTheReferenceValues) {
    const auto solver = euler();
    at::Tensor rate;
    for (const double expected : {.4, .64, .784, .8704, .92224, .953344}) {
        rate = solver->step(rate, number(1), {2.0, 5.0, {}});
        EXPECT_NEAR(value(rate), expected, 1e-15);
    }
}

TEST(Euler, WithoutDriveTheRateDecays) {
    const auto solver = euler();
    at::Tensor rate = number(1);
    for (int n = 1; n <= 20; ++n) {
        rate = solver->step(rate, {}, {2.0, 5.0, {}});
        EXPECT_NEAR(value(rate), std::pow(0.6, n), 1e-15);
    }
}

TEST(Euler, AnAbsentInputCountsAsZero) {
    const auto solver = euler();
    const at::Tensor x = at::full({2, 3}, 0.7, at::kDouble), zero = x.mul(0);
    const TimeStep by{1.0, 4.0, {}};
    EXPECT_TRUE(solver->step({}, x, by).allclose(solver->step(zero, x, by)));
    EXPECT_TRUE(solver->step(x, {}, by).allclose(solver->step(x, zero, by)));
}

TEST(Euler, HalvingDtHalvesTheError) {
    const auto solver = euler();
    const auto error_at_10_ms = [&](double dt) {
        at::Tensor rate = number(0);
        for (int n = 0; n < static_cast<int>(std::lround(10.0 / dt)); ++n)
            rate = solver->step(rate, number(1), {dt, 5.0, {}});
        return std::abs(value(rate) - (1 - std::exp(-10.0 / 5.0)));
    };
    EXPECT_NEAR(error_at_10_ms(0.1) / error_at_10_ms(0.05), 2.0, 0.05);
}

TEST(Euler, AffineFormIsTheStep) {
    const auto solver = euler();
    const TimeStep by{3.0, 7.0, {}};
    const auto affine = solver->affine(by);
    ASSERT_TRUE(affine);
    EXPECT_NEAR(value(solver->step(number(0.3), number(-1.2), by)), affine->c0 * 0.3 + affine->c1 * -1.2, 1e-15);
}

TEST(Euler, ATrainedTauGetsItsGradient) {
    const auto solver = euler();
    const at::Tensor tau = number(5).requires_grad_(true);
    const TimeStep by{2.0, 5.0, tau};
    EXPECT_EQ(solver->affine(by)->c1, 0.4);
    // r + dt/tau (x - r): the derivative in tau is -dt/tau^2 (x - r)
    solver->step(number(0.5), number(2), by).backward();
    EXPECT_NEAR(value(tau.grad()), -2.0 / 25.0 * 1.5, 1e-15);
    tau.mutable_grad().reset();
    solver->step({}, number(2), by).backward();
    EXPECT_NEAR(value(tau.grad()), -2.0 / 25.0 * 2, 1e-15);
    tau.mutable_grad().reset();
    solver->step(number(0.5), {}, by).backward();
    EXPECT_NEAR(value(tau.grad()), 2.0 / 25.0 * 0.5, 1e-15);
}

TEST(Euler, SaysWhatItDoes) {
    const auto solver = euler();
    EXPECT_EQ(solver->equation({2.0, 5.0, {}}), "r <- 0.6 r + 0.4 x");
    EXPECT_EQ(solver->order(), 1);
    EXPECT_EQ(solver->stability_limit(), 2.0);
}

}  // namespace

#include <dv/testing/load.hpp>
#include <dv/torch/solver.hpp>

#include <ATen/ops/full.h>
#include <ATen/ops/scalar_tensor.h>

#include <gtest/gtest.h>

#include <cmath>

namespace {

using dv::TimeStep;

std::shared_ptr<dv::Solver> exp_euler() {
    return dv::testing::Plugin(DV_PLUGIN_UNDER_TEST).make<dv::Solver>("exp_euler");
}

at::Tensor number(double value) { return at::scalar_tensor(value, at::kDouble); }
double value(const at::Tensor& t) { return t.item<double>(); }

// tau dr/dt = -r + 1 from 0, at 10 ms with tau 10 ms: 1 - 1/e whatever the step.
TEST(ExpEuler, IsExactForAConstantDrive) {
    const auto solver = exp_euler();
    for (const double dt : {0.1, 1.0, 2.0, 5.0, 10.0}) {
        at::Tensor rate = number(0);
        for (int n = 0; n < static_cast<int>(std::lround(10.0 / dt)); ++n) {
            rate = solver->step(rate, number(1), {dt, 10.0, {}});
        }
        EXPECT_NEAR(value(rate), .6321205588285577, 1e-14) << dt;
    }
}

TEST(ExpEuler, HasNoStabilityLimit) {
    const auto solver = exp_euler();
    EXPECT_EQ(solver->stability_limit(), std::numeric_limits<double>::infinity());
    at::Tensor rate = number(1);
    for (int n = 0; n < 10; ++n) rate = solver->step(rate, number(0.25), {1000.0, 1.0, {}});
    EXPECT_EQ(value(rate), 0.25);
}

TEST(ExpEuler, AnAbsentInputCountsAsZero) {
    const auto solver = exp_euler();
    const at::Tensor x = at::full({2, 3}, 0.7, at::kDouble), zero = x.mul(0);
    const TimeStep by{1.0, 4.0, {}};
    EXPECT_TRUE(solver->step({}, x, by).allclose(solver->step(zero, x, by)));
    EXPECT_TRUE(solver->step(x, {}, by).allclose(solver->step(x, zero, by)));
}

// A step much shorter than tau still moves: 1 - exp(-a) is not rounded away.
TEST(ExpEuler, CoefficientsKeepTheirDigitsForShortSteps) {
    const auto affine = exp_euler()->affine({1e-9, 1.0, {}});
    EXPECT_DOUBLE_EQ(affine->c1, 1e-9 - 0.5e-18);
}

TEST(ExpEuler, ATrainedTauGetsItsGradient) {
    const auto solver = exp_euler();
    const at::Tensor tau = number(5).requires_grad_(true);
    // d/dtau [x + exp(-dt/tau) (r - x)] = exp(-dt/tau) dt/tau^2 (r - x)
    solver->step(number(0.5), number(2), {2.0, 5.0, tau}).backward();
    EXPECT_NEAR(value(tau.grad()), std::exp(-0.4) * 2.0 / 25.0 * -1.5, 1e-15);
}

TEST(ExpEuler, SaysWhatItDoes) { EXPECT_EQ(exp_euler()->equation({std::log(2.0), 1.0, {}}), "r <- 0.5 r + 0.5 x"); }

}  // namespace

#include <dv/testing/load.hpp>
#include <dv/torch/solver.hpp>

#include <ATen/ops/scalar_tensor.h>

#include <gtest/gtest.h>

#include <cmath>

namespace {

std::shared_ptr<dv::Solver> rk4() { return dv::testing::Plugin(DV_PLUGIN_UNDER_TEST).make<dv::Solver>("rk4"); }

at::Tensor number(double value) { return at::scalar_tensor(value, at::kDouble); }

/// tau dr/dt = -r + 1 from 0, at 10 ms with tau 10 ms.
double at_10_ms(const dv::Solver& solver, double dt) {
    at::Tensor rate = number(0);
    for (int n = 0; n < static_cast<int>(std::lround(10.0 / dt)); ++n)
        rate = solver.step(rate, number(1), {dt, 10.0, {}});
    return rate.item<double>();
}

TEST(Rk4, HasTheTextbookValues) {
    const auto solver = rk4();
    EXPECT_NEAR(at_10_ms(*solver, 2.0), .6321147618746978, 1e-14);
    EXPECT_NEAR(at_10_ms(*solver, 1.0), .6321202255875012, 1e-14);
    EXPECT_NEAR(at_10_ms(*solver, 0.5), .6321205388524611, 1e-14);
    EXPECT_NEAR(at_10_ms(*solver, 0.1), .6321205587976446, 1e-13);
}

TEST(Rk4, IsStableUpToTheTextbooksLimit) { EXPECT_NEAR(rk4()->stability_limit(), 2.7852935634, 1e-9); }

TEST(Rk4, EvaluatesTheDriveFourTimes) {
    const auto solver = rk4();
    const dv::Tableau method = solver->tableau().value();
    EXPECT_EQ(method.stages, 4);
    EXPECT_EQ(method.order, 4);
    EXPECT_FALSE(method.adaptive());
    EXPECT_FALSE(solver->affine({1.0, 10.0, {}}));
}

// dr/dtau of the exact solution is -(t/tau^2) exp(-t/tau); at t = tau = 10 that is -0.0367879441.
TEST(Rk4, ATrainedTauGetsItsGradient) {
    const auto solver = rk4();
    const at::Tensor tau = number(10).requires_grad_(true);
    at::Tensor rate = number(0);
    for (int n = 0; n < 20; ++n) rate = solver->step(rate, number(1), {0.5, 10.0, tau});
    rate.backward();
    EXPECT_NEAR(tau.grad().item<double>(), -.0367879441, 1e-8);
}

}  // namespace

#include <dv/testing/load.hpp>
#include <dv/torch/solver.hpp>

#include <ATen/ops/scalar_tensor.h>

#include <gtest/gtest.h>

#include <cmath>

namespace {

std::shared_ptr<dv::Solver> rk3() { return dv::testing::Plugin(DV_PLUGIN_UNDER_TEST).make<dv::Solver>("rk3"); }

at::Tensor number(double value) { return at::scalar_tensor(value, at::kDouble); }

/// tau dr/dt = -r + 1 from 0, at 10 ms with tau 10 ms.
double at_10_ms(const dv::Solver& solver, double dt) {
    at::Tensor rate = number(0);
    for (int n = 0; n < static_cast<int>(std::lround(10.0 / dt)); ++n)
        rate = solver.step(rate, number(1), {dt, 10.0, {}});
    return rate.item<double>();
}

/// What is left of the distance to a held drive after one step: 1 - a + a^2/2 - a^3/6.
double left(double a) { return 1 - a + a * a / 2 - a * a * a / 6; }

TEST(Rk3, HasTheTextbookValues) {
    const auto solver = rk3();
    for (const double dt : {2.0, 1.0, 0.5, 0.1})
        EXPECT_NEAR(at_10_ms(*solver, dt), 1 - std::pow(left(dt / 10), 10 / dt), 1e-13);
}

TEST(Rk3, IsStableUpToTheTextbooksLimit) { EXPECT_NEAR(rk3()->stability_limit(), 2.5127453266, 1e-9); }

TEST(Rk3, EvaluatesTheDriveThreeTimes) {
    const auto solver = rk3();
    const dv::Tableau method = solver->tableau().value();
    EXPECT_EQ(method.stages, 3);
    EXPECT_EQ(method.order, 3);
    EXPECT_FALSE(method.first_same_as_last());
    EXPECT_FALSE(solver->affine({1.0, 10.0, {}}));
}

}  // namespace

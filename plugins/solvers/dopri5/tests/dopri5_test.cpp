#include <dv/testing/load.hpp>
#include <dv/torch/solver.hpp>

#include <ATen/ops/scalar_tensor.h>

#include <gtest/gtest.h>

#include <cmath>

namespace {

using dv::testing::Config;

std::shared_ptr<dv::Solver> dopri5(const Config& config = {}) {
    return dv::testing::Plugin(DV_PLUGIN_UNDER_TEST).make<dv::Solver>("dopri5", config);
}

at::Tensor number(double value) { return at::scalar_tensor(value, at::kDouble); }

/// tau dr/dt = -r + 1 from 0, at 10 ms with tau 10 ms.
double at_10_ms(const dv::Solver& solver, double dt) {
    at::Tensor rate = number(0);
    for (int n = 0; n < static_cast<int>(std::lround(10.0 / dt)); ++n)
        rate = solver.step(rate, number(1), {dt, 10.0, {}});
    return rate.item<double>();
}

// Without control, at steps of dt.
TEST(Dopri5, HasTheTextbookValues) {
    const auto solver = dopri5();
    for (const double dt : {2.0, 1.0, 0.5}) {
        const double a = dt / 10;  // what is left: exp(-a) to order 5, and a^6 / 600
        const double left =
            1 - a + a * a / 2 - std::pow(a, 3) / 6 + std::pow(a, 4) / 24 - std::pow(a, 5) / 120 + std::pow(a, 6) / 600;
        EXPECT_NEAR(at_10_ms(*solver, dt), 1 - std::pow(left, 10 / dt), 1e-13);
    }
}

TEST(Dopri5, IsStableUpToTheTextbooksLimit) { EXPECT_NEAR(dopri5()->stability_limit(), 3.3065, 5e-4); }

TEST(Dopri5, IsAPairOfOrders5And4) {
    const auto solver = dopri5();
    const dv::Tableau method = solver->tableau().value();
    EXPECT_EQ(method.stages, 7);
    EXPECT_EQ(method.order, 5);
    EXPECT_EQ(method.embedded_order, 4);
    EXPECT_EQ(method.dense_degree, 4);
    EXPECT_TRUE(method.first_same_as_last());
    EXPECT_FALSE(solver->affine({1.0, 10.0, {}}));
}

TEST(Dopri5, TakesItsTolerances) {
    const dv::Tableau method = dopri5({{"rtol", 1e-3}, {"atol", 1e-4}})->tableau().value();
    EXPECT_EQ(method.rtol, 1e-3);
    EXPECT_EQ(method.atol, 1e-4);
    EXPECT_EQ(dopri5()->tableau()->rtol, 1e-5);
    EXPECT_EQ(dopri5()->equation({1.0, 10.0, {}}),
              "tau dr/dt = -r + x by 7 stages of order 5, steps of at most dt with errors below 1e-07 + 1e-05 |r|");
}

}  // namespace

#include <dv/testing/load.hpp>
#include <dv/torch/solver.hpp>

#include <ATen/ops/scalar_tensor.h>

#include <gtest/gtest.h>

#include <cmath>

namespace {

using dv::testing::Config;

std::shared_ptr<dv::Solver> bosh3(const Config& config = {}) {
    return dv::testing::Plugin(DV_PLUGIN_UNDER_TEST).make<dv::Solver>("bosh3", config);
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
TEST(Bosh3, HasTheTextbookValues) {
    const auto solver = bosh3();
    for (const double dt : {2.0, 1.0, 0.5}) {
        const double a = dt / 10, left = 1 - a + a * a / 2 - a * a * a / 6;
        EXPECT_NEAR(at_10_ms(*solver, dt), 1 - std::pow(left, 10 / dt), 1e-13);
    }
}

TEST(Bosh3, IsStableUpToTheTextbooksLimit) { EXPECT_NEAR(bosh3()->stability_limit(), 2.5127453266, 1e-9); }

TEST(Bosh3, IsAPairOfOrders3And2) {
    const auto solver = bosh3();
    const dv::Tableau method = solver->tableau().value();
    EXPECT_EQ(method.stages, 4);
    EXPECT_EQ(method.order, 3);
    EXPECT_EQ(method.embedded_order, 2);
    EXPECT_EQ(method.dense_degree, 0);
    EXPECT_TRUE(method.first_same_as_last());
    EXPECT_FALSE(solver->affine({1.0, 10.0, {}}));
}

TEST(Bosh3, TakesItsTolerances) {
    const dv::Tableau method = bosh3({{"rtol", 1e-3}, {"atol", 1e-4}})->tableau().value();
    EXPECT_EQ(method.rtol, 1e-3);
    EXPECT_EQ(method.atol, 1e-4);
    EXPECT_EQ(bosh3()->tableau()->rtol, 1e-5);
    EXPECT_EQ(bosh3()->equation({1.0, 10.0, {}}),
              "tau dr/dt = -r + x by 4 stages of order 3, steps of at most dt with errors below 1e-07 + 1e-05 |r|");
}

}  // namespace

#include <dv/testing/load.hpp>
#include <dv/torch/solver.hpp>

#include <ATen/ops/scalar_tensor.h>

#include <gtest/gtest.h>

#include <cmath>

namespace {

using dv::testing::Config;

std::shared_ptr<dv::Solver> tsit5(const Config& config = {}) {
    return dv::testing::Plugin(DV_PLUGIN_UNDER_TEST).make<dv::Solver>("tsit5", config);
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
TEST(Tsit5, HasTheTextbookValues) {
    const auto solver = tsit5();
    for (const double dt : {2.0, 1.0, 0.5})
        EXPECT_NEAR(at_10_ms(*solver, dt), 1 - std::exp(-1.0), std::pow(dt / 10, 5) / 2000);
}

TEST(Tsit5, IsStableUpToTheTextbooksLimit) { EXPECT_NEAR(tsit5()->stability_limit(), 3.5069, 1e-3); }

TEST(Tsit5, IsAPairOfOrders5And4) {
    const auto solver = tsit5();
    const dv::Tableau method = solver->tableau().value();
    EXPECT_EQ(method.stages, 7);
    EXPECT_EQ(method.order, 5);
    EXPECT_EQ(method.embedded_order, 4);
    EXPECT_EQ(method.dense_degree, 4);
    EXPECT_TRUE(method.first_same_as_last());
    EXPECT_FALSE(solver->affine({1.0, 10.0, {}}));
}

TEST(Tsit5, TakesItsTolerances) {
    const dv::Tableau method = tsit5({{"rtol", 1e-3}, {"atol", 1e-4}})->tableau().value();
    EXPECT_EQ(method.rtol, 1e-3);
    EXPECT_EQ(method.atol, 1e-4);
    EXPECT_EQ(tsit5()->tableau()->rtol, 1e-5);
    EXPECT_EQ(tsit5()->equation({1.0, 10.0, {}}),
              "tau dr/dt = -r + x by 7 stages of order 5, steps of at most dt with errors below 1e-07 + 1e-05 |r|");
}

}  // namespace

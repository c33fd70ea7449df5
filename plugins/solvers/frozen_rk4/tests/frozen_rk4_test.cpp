#include <dv/testing/load.hpp>
#include <dv/torch/solver.hpp>

#include <ATen/ops/scalar_tensor.h>

#include <gtest/gtest.h>

#include <cmath>

namespace {

using dv::TimeStep;

std::shared_ptr<dv::Solver> frozen_rk4() {
    return dv::testing::Plugin(DV_PLUGIN_UNDER_TEST).make<dv::Solver>("frozen_rk4");
}

at::Tensor number(double value) { return at::scalar_tensor(value, at::kDouble); }
double value(const at::Tensor& t) { return t.item<double>(); }

// Values of DynVision 0.1.0's RungeKuttaStep, dt 2, tau 5, constant drive 1 from no state.
TEST(FrozenRk4, HasTheReferenceValues) {
    const auto solver = frozen_rk4();
    at::Tensor rate;
    for (const double expected : {.4, .597760, .730338, .819219, .878804, .918750}) {
        rate = solver->step(rate, number(1), {2.0, 5.0, {}});
        EXPECT_NEAR(value(rate), expected, 5e-7);
    }
}

/// One classical Runge-Kutta 4 step with x held, stage by stage.
double by_stages(double r, double x, double dt, double tau) {
    const auto slope = [&](double y) { return (x - y) / tau; };
    const double k1 = slope(r), k2 = slope(r + dt / 2 * k1), k3 = slope(r + dt / 2 * k2), k4 = slope(r + dt * k3);
    return r + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
}

TEST(FrozenRk4, IsTheFourStagesWithTheDriveHeld) {
    const auto solver = frozen_rk4();
    for (const double dt : {0.1, 2.0, 7.0}) {
        const at::Tensor next = solver->step(number(0.3), number(-1.2), {dt, 5.0, {}});
        EXPECT_NEAR(value(next), by_stages(0.3, -1.2, dt, 5.0), 1e-15);
    }
}

TEST(FrozenRk4, AffineFormIsTheStepButForTheFirst) {
    const auto solver = frozen_rk4();
    const TimeStep by{3.0, 7.0, {}};
    const auto affine = solver->affine(by);
    ASSERT_TRUE(affine);
    EXPECT_NEAR(value(solver->step(number(0.3), number(-1.2), by)), affine->c0 * 0.3 + affine->c1 * -1.2, 1e-15);
    EXPECT_NEAR(value(solver->step({}, number(-1.2), by)), affine->first_c1.value() * -1.2, 1e-15);
    EXPECT_NEAR(value(solver->step(number(0.3), {}, by)), affine->c0 * 0.3, 1e-15);
}

TEST(FrozenRk4, ATrainedTauGetsItsGradient) {
    const auto solver = frozen_rk4();
    const at::Tensor tau = number(5).requires_grad_(true);
    // c = a - a^2/2 + a^3/6 - a^4/24, dc/da = 1 - a + a^2/2 - a^3/6, da/dtau = -dt/tau^2
    const double a = 0.4, slope = 1 - a + a * a / 2 - a * a * a / 6;
    solver->step(number(0.5), number(2), {2.0, 5.0, tau}).backward();
    EXPECT_NEAR(value(tau.grad()), slope * -2.0 / 25.0 * 1.5, 1e-15);
}

TEST(FrozenRk4, SaysWhatItDoes) {
    const auto solver = frozen_rk4();
    EXPECT_EQ(solver->equation({2.0, 5.0, {}}), "r <- 0.6704 r + 0.3296 x");
    EXPECT_NEAR(solver->stability_limit(), 2.7852935634, 1e-10);
}

}  // namespace

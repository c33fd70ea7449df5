#include <dv/testing/torch.hpp>
#include <dv/torch/solver.hpp>

#include <gtest/gtest.h>

#include <cmath>

using dv::testing::Plugin;
using dv::testing::tensor;

namespace {

dv::TimeStep by(double dt, double tau) { return {.dt = dt, .tau = tau, .tau_tensor = {}}; }

TEST(@CLASS_NAME@, IsExactForAConstantDrive) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto solver = plugin.make<dv::Solver>("@ID@");
    // From r = 2 towards x = 1: r(t) = 1 + exp(-t/tau), however large the step.
    for (const double dt : {0.1, 1.0, 10.0, 50.0}) {
        const at::Tensor rate =
            solver->step(tensor({2}, {1}, at::kDouble), tensor({1}, {1}, at::kDouble), by(dt, 10.0));
        EXPECT_NEAR(rate.item<double>(), 1.0 + std::exp(-dt / 10.0), 1e-12);
    }
}

TEST(@CLASS_NAME@, TwoStepsAreOneOfTwiceTheLength) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto solver = plugin.make<dv::Solver>("@ID@");
    const at::Tensor rate = dv::testing::uniform(1, {3, 4}, 0.0, 1.0, at::kDouble);
    const at::Tensor drive = dv::testing::uniform(2, {3, 4}, 0.0, 1.0, at::kDouble);
    const at::Tensor twice = solver->step(solver->step(rate, drive, by(2.0, 5.0)), drive, by(2.0, 5.0));
    EXPECT_LT(dv::testing::max_difference(twice, solver->step(rate, drive, by(4.0, 5.0))), 1e-12);
}

TEST(@CLASS_NAME@, StatesItsEquation) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    EXPECT_EQ(plugin.make<dv::Solver>("@ID@")->equation(by(std::log(2.0), 1.0)), "r <- 0.5 r + 0.5 x");
}

}  // namespace

#include "tests/solver_checks.hpp"

namespace {

using namespace solver_checks;

TEST(Rk4, HasTheTextbookValues) {
    const auto solver = made("rk4");
    EXPECT_NEAR(at_10_ms(*solver, 2.0), .6321147618746978, 1e-14);
    EXPECT_NEAR(at_10_ms(*solver, 1.0), .6321202255875012, 1e-14);
    EXPECT_NEAR(at_10_ms(*solver, 0.5), .6321205388524611, 1e-14);
    EXPECT_NEAR(at_10_ms(*solver, 0.1), .6321205587976446, 1e-13);
}

TEST(Rk4, EvaluatesTheDriveFourTimes) { expect_stages(*made("rk4"), {.stages = 4, .order = 4, .limit = 2.7852935634}); }

// dr/dtau of the exact solution is -(t/tau^2) exp(-t/tau); at t = tau = 10 that is -0.0367879441.
TEST(Rk4, ATrainedTauGetsItsGradient) {
    const auto solver = made("rk4");
    const at::Tensor tau = number(10).requires_grad_(true);
    at::Tensor rate = number(0);
    for (int n = 0; n < 20; ++n) rate = solver->step(rate, number(1), {0.5, 10.0, tau});
    rate.backward();
    EXPECT_NEAR(tau.grad().item<double>(), -.0367879441, 1e-8);
}

}  // namespace

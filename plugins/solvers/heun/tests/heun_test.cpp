#include "tests/solver_checks.hpp"

namespace {

using namespace solver_checks;

// With the drive held, every two-stage method of order 2 multiplies the distance to it by 1 - a + a^2/2.
TEST(Heun, HasTheTextbookValues) {
    const auto solver = made("heun");
    expect_decay(*solver, [](double a) { return 1 - a + a * a / 2; });
    EXPECT_NEAR(at_10_ms(*solver, 1.0), .6314590151664481, 1e-14);
}

TEST(Heun, EvaluatesTheDriveTwice) {
    expect_stages(*made("heun"), {.stages = 2, .order = 2, .limit = 2.0});
    EXPECT_EQ(made("heun")->tableau()->c[1], 1.0);
}

TEST(Heun, SaysWhatItDoes) {
    EXPECT_EQ(made("heun")->equation({1.0, 2.0, {}}),
              "tau dr/dt = -r + x by 2 stages of order 2; for a constant x: r <- 0.625 r + 0.375 x");
}

}  // namespace

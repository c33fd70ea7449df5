#include "tests/solver_checks.hpp"

namespace {

using namespace solver_checks;

TEST(Tsit5, HasTheTextbookValues) {
    const auto solver = made("tsit5");
    for (const double dt : {2.0, 1.0, 0.5})
        EXPECT_NEAR(at_10_ms(*solver, dt), 1 - std::exp(-1.0), std::pow(dt / 10, 5) / 2000);
}

TEST(Tsit5, IsAPairOfOrders5And4) {
    expect_stages(
        *made("tsit5"),
        {.stages = 7, .order = 5, .limit = 3.5069, .limit_error = 1e-3, .embedded_order = 4, .dense_degree = 4});
}

TEST(Tsit5, TakesItsTolerances) { expect_tolerances("tsit5", "7 stages of order 5"); }

}  // namespace

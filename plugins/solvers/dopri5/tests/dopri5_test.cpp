#include "tests/solver_checks.hpp"

namespace {

using namespace solver_checks;

// exp(-a) to order 5, and a^6 / 600.
TEST(Dopri5, HasTheTextbookValues) {
    expect_decay(*made("dopri5"), [](double a) {
        return 1 - a + a * a / 2 - std::pow(a, 3) / 6 + std::pow(a, 4) / 24 - std::pow(a, 5) / 120 +
               std::pow(a, 6) / 600;
    });
}

TEST(Dopri5, IsAPairOfOrders5And4) {
    expect_stages(
        *made("dopri5"),
        {.stages = 7, .order = 5, .limit = 3.3065, .limit_error = 5e-4, .embedded_order = 4, .dense_degree = 4});
}

TEST(Dopri5, TakesItsTolerances) { expect_tolerances("dopri5", "7 stages of order 5"); }

}  // namespace

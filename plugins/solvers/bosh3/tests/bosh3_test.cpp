#include "tests/solver_checks.hpp"

namespace {

using namespace solver_checks;

TEST(Bosh3, HasTheTextbookValues) {
    expect_decay(*made("bosh3"), [](double a) { return 1 - a + a * a / 2 - a * a * a / 6; });
}

TEST(Bosh3, IsAPairOfOrders3And2) {
    expect_stages(*made("bosh3"), {.stages = 4, .order = 3, .limit = 2.5127453266, .embedded_order = 2});
}

TEST(Bosh3, TakesItsTolerances) { expect_tolerances("bosh3", "4 stages of order 3"); }

}  // namespace

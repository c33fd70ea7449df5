#include "tests/solver_checks.hpp"

namespace {

using namespace solver_checks;

TEST(Rk3, HasTheTextbookValues) {
    expect_decay(*made("rk3"), [](double a) { return 1 - a + a * a / 2 - a * a * a / 6; });
}

TEST(Rk3, EvaluatesTheDriveThreeTimes) {
    expect_stages(*made("rk3"), {.stages = 3, .order = 3, .limit = 2.5127453266});
}

}  // namespace

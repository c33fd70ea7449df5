#pragma once
/// What tests of solvers with stages ask. DV_PLUGIN_UNDER_TEST is the file of the one that is tested.

#include <dv/testing/load.hpp>
#include <dv/torch/solver.hpp>

#include <ATen/ops/scalar_tensor.h>

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>

namespace solver_checks {

inline std::shared_ptr<dv::Solver> made(const char* name, const dv::testing::Config& config = {}) {
    return dv::testing::Plugin(DV_PLUGIN_UNDER_TEST).make<dv::Solver>(name, config);
}

inline at::Tensor number(double value) { return at::scalar_tensor(value, at::kDouble); }

/// tau dr/dt = -r + 1 from 0, at 10 ms with tau 10 ms, in steps of dt (without control).
inline double at_10_ms(const dv::Solver& solver, double dt) {
    at::Tensor rate = number(0);
    for (int n = 0; n < static_cast<int>(std::lround(10.0 / dt)); ++n)
        rate = solver.step(rate, number(1), {dt, 10.0, {}});
    return rate.item<double>();
}

/// `left`: what a step leaves of the distance to a held drive, by dt / tau.
inline void expect_decay(const dv::Solver& solver, double (*left)(double)) {
    for (const double dt : {2.0, 1.0, 0.5, 0.1})
        EXPECT_NEAR(at_10_ms(solver, dt), 1 - std::pow(left(dt / 10), 10 / dt), 1e-13) << "dt " << dt;
}

struct Stages {
    int stages, order;
    double limit, limit_error = 1e-9;  ///< of stability
    int embedded_order = 0, dense_degree = 0;
};
inline void expect_stages(const dv::Solver& solver, const Stages& expected) {
    const dv::Tableau method = solver.tableau().value();
    EXPECT_EQ(method.stages, expected.stages);
    EXPECT_EQ(method.order, expected.order);
    EXPECT_EQ(method.embedded_order, expected.embedded_order);
    EXPECT_EQ(method.dense_degree, expected.dense_degree);
    EXPECT_EQ(method.adaptive(), expected.embedded_order > 0);
    EXPECT_EQ(method.first_same_as_last(), expected.embedded_order > 0);  // of all pairs that there are
    EXPECT_FALSE(solver.affine({1.0, 10.0, {}}));
    EXPECT_NEAR(solver.stability_limit(), expected.limit, expected.limit_error);
}

/// An adaptive solver takes its tolerances from the manifest and says them.
inline void expect_tolerances(const char* name, const std::string& stages_and_order) {
    const dv::Tableau method = made(name, {{"rtol", 1e-3}, {"atol", 1e-4}})->tableau().value();
    EXPECT_EQ(method.rtol, 1e-3);
    EXPECT_EQ(method.atol, 1e-4);
    EXPECT_EQ(made(name)->tableau()->rtol, 1e-5);
    EXPECT_EQ(made(name)->equation({1.0, 10.0, {}}), "tau dr/dt = -r + x by " + stages_and_order +
                                                         ", steps of at most dt with errors below 1e-07 + 1e-05 |r|");
}

}  // namespace solver_checks

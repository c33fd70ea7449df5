#pragma once
/// Rate networks of single units, with delays in milliseconds, and the methods that advance them.

#include "fixtures.hpp"

#include <dv/temporal/run.hpp>

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dv::temporal::fixtures {

/// A solver that is this tableau.
struct Method final : StageSolver {
    Tableau method;
    explicit Method(const Tableau& with) : method(with) {}
    std::optional<Tableau> tableau() const override { return method; }
};
std::shared_ptr<const Solver> heun();
std::shared_ptr<const Solver> rk4();
/// Bogacki and Shampine's pair of orders 3 and 2.
std::shared_ptr<const Solver> bosh3(double rtol, double atol);
/// Dormand and Prince's pair of orders 5 and 4.
std::shared_ptr<const Solver> dopri5(double rtol, double atol);

std::shared_ptr<const Solver> euler();
/// Runge-Kutta 4 with the drive held over the step: affine, so for any order of updates.
std::shared_ptr<const Solver> frozen_rk4();
std::shared_ptr<const Solver> exp_euler();

/// tau dr/dt = −r + power(weight·input + recurrent_weight·r(t − recurrent_delay) + what Links bring).
struct Rate {
    double tau = 1.0;  ///< [ms]
    double weight = 1.0;
    std::optional<double> recurrent_weight = {};
    double recurrent_delay = 0.0, forward_delay = 0.0;  ///< [ms]
    std::optional<Map> power = {};                      ///< before the solver
    std::optional<Map> output = {};                     ///< after it
    bool follows = false;                               ///< no solver: r is its drive at once
};
/// From one rate to another: by a skip, or by feedback where the target comes first.
struct Link {
    std::size_t source, target;
    double weight = 1.0, delay = 0.0;  ///< [ms]
};
/// In synchronous order; lags say the same as delays where dt divides them. The last rate is the answer, without delay.
Circuit rates(double dt, const std::shared_ptr<const Solver>& solver, const std::vector<Rate>& layers,
              const std::vector<Link>& links = {});

/// A number as activity of one unit, in double.
at::Tensor unit(double value);
/// Every rate at its value at time 0, without a past.
State at_rest(const Circuit& circuit, const std::vector<double>& values);

/// Steps of dt up to `duration` [ms].
std::int64_t steps_for(const Circuit& circuit, double duration);
/// The same input at every step; answers at the end of each.
std::vector<double> answers(const Circuit& circuit, State state, double input, double duration);
/// The last of them.
double answer_at(const Circuit& circuit, const State& state, double input, double duration);
/// All rates at the end.
std::vector<double> rates_at(const Circuit& circuit, const State& state, double input, double duration);

}  // namespace dv::temporal::fixtures

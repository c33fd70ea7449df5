/// Networks whose answer is known on paper. tau dr/dt = −r + drive, in synchronous order; times in ms.

#include "stage_fixtures.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>

#include <gtest/gtest.h>

#include <cmath>

namespace {

using namespace dv::temporal;
using namespace dv::temporal::fixtures;
using SolverPtr = std::shared_ptr<const dv::Solver>;

/// log2 of how much smaller the error gets by the last halving, and by each one before.
std::vector<double> orders(const std::vector<double>& errors) {
    std::vector<double> found;
    for (std::size_t i = 1; i < errors.size(); ++i) found.push_back(std::log2(std::abs(errors[i - 1] / errors[i])));
    return found;
}

// ---- A leaky integrator: x(t) = I (1 − exp(−t / tau)) ------------------------------------------------------------------------

double leaky_at_10(const SolverPtr& solver, double dt, double tau = 10.0) {
    const Circuit circuit = rates(dt, solver, {{.tau = tau}});
    return answer_at(circuit, at_rest(circuit, {0.0}), 1.0, 10.0);
}

TEST(LeakyIntegrator, StepsHaveTheirClosedForms) {
    for (const auto& [dt, by_euler, by_heun, by_rk4] :
         std::vector<std::array<double, 4>>{{2.0, 0.67232, .6292601568, .6321147618746978},
                                            {1.0, .6513215599, .6314590151664481, .6321202255875012},
                                            {0.5, .6415140775914581, .6319613783281437, .6321205388524611},
                                            {0.1, .6339676587267709, .6321143812838084, .6321205587976446}}) {
        EXPECT_NEAR(leaky_at_10(euler(), dt), by_euler, 1e-12) << dt;
        EXPECT_NEAR(leaky_at_10(heun(), dt), by_heun, 1e-12) << dt;
        EXPECT_NEAR(leaky_at_10(rk4(), dt), by_rk4, 1e-12) << dt;
        EXPECT_NEAR(leaky_at_10(exp_euler(), dt), .6321205588285577, 1e-12) << dt;
    }
}

TEST(LeakyIntegrator, SinglePrecisionIsAsGoodAsItsDigits) {
    Circuit circuit = rates(1.0, rk4(), {{.tau = 10.0}});
    circuit.layers[0].feedforward.first.weight = circuit.layers[0].feedforward.first.weight.to(at::kFloat);
    dv::Sequence shown = dv::Sequence::of(at::full({1, 1, 1, 1, 1}, 1.0, at::kFloat)).shown_for(10);
    const at::Tensor out = run(circuit, shown, initial_state(circuit)).outputs;
    EXPECT_EQ(out.scalar_type(), at::kFloat);
    EXPECT_NEAR(out[0][9][0].item<double>(), .6321202255875012, 2e-6 * .632);
}

// Beyond its limit, dt / tau = 2.1, Euler grows by 1.1 a step.
TEST(LeakyIntegrator, GrowsBeyondTheStabilityLimit) {
    const Circuit circuit = rates(2.1, euler(), {{.tau = 1.0}});
    EXPECT_NEAR(std::abs(answer_at(circuit, at_rest(circuit, {1.0}), 0.0, 21.0)), std::pow(1.1, 10), 1e-12);
    const Circuit heuns = rates(2.1, heun(), {{.tau = 1.0}});
    EXPECT_GT(std::abs(answer_at(heuns, at_rest(heuns, {1.0}), 0.0, 21.0)), 1.0);
    const Circuit inside = rates(2.78, rk4(), {{.tau = 1.0}}), outside = rates(2.79, rk4(), {{.tau = 1.0}});
    EXPECT_LT(std::abs(answer_at(inside, at_rest(inside, {1.0}), 0.0, 278.0)), 1.0);
    EXPECT_GT(std::abs(answer_at(outside, at_rest(outside, {1.0}), 0.0, 279.0)), 1.0);
}

// ---- Self-recurrence w without delay: x = I / (1 − w) · (1 − exp(−(1 − w) t / tau)) ---------------------------------------------

double recurrent_error(const SolverPtr& solver, double dt) {
    const Circuit circuit = rates(dt, solver, {{.tau = 10.0, .recurrent_weight = 0.5}});
    return answer_at(circuit, at_rest(circuit, {0.0}), 1.0, 10.0) - .7869386805747332;
}

TEST(SelfRecurrence, OnlyStagesKeepTheOrder) {
    const std::vector<double> steps{2.0, 1.0, 0.5, 0.25};
    const std::vector<std::pair<SolverPtr, std::array<double, 4>>> columns{
        {euler(), {3.2081e-2, 1.5587e-2, 7.6860e-3, 3.8167e-3}},
        {frozen_rk4(), {-3.0666e-2, -1.5253e-2, -7.6046e-3, -3.7966e-3}},
        {rk4(), {-5.494e-7, -3.294e-8, -2.016e-9, -1.247e-10}}};
    std::vector<double> finest;
    for (const auto& [solver, expected] : columns) {
        std::vector<double> errors;
        for (std::size_t i = 0; i < steps.size(); ++i) {
            errors.push_back(recurrent_error(solver, steps[i]));
            EXPECT_NEAR(errors.back(), expected[i], 2e-4 * std::abs(expected[i]) + 5e-14) << steps[i];
        }
        finest.push_back(orders(errors).back());
    }
    EXPECT_NEAR(finest[0], 1.0, 0.15);
    EXPECT_NEAR(finest[1], 1.0, 0.15);
    EXPECT_NEAR(finest[2], 4.0, 0.15);
}

TEST(SelfRecurrence, HeunIsOfSecondOrder) {
    std::vector<double> errors;
    for (const double dt : {1.0, 0.5, 0.25, 0.125, 0.0625}) errors.push_back(recurrent_error(heun(), dt));
    for (const double order : orders(errors)) EXPECT_NEAR(order, 2.0, 0.15);
}

// ---- An excitatory and an inhibitory rate --------------------------------------------------------------------------------------

struct Pair {
    double ee, ei, ie, ii, tau_e, tau_i;
};

Circuit pair(double dt, const SolverPtr& solver, const Pair& p) {
    return rates(
        dt, solver,
        {{.tau = p.tau_e, .recurrent_weight = p.ee}, {.tau = p.tau_i, .weight = p.ie, .recurrent_weight = -p.ii}},
        {{.source = 1, .target = 0, .weight = -p.ei}});
}

/// The centre turns without growing: .2 e² − .2 e i + .25 i² stays what it is.
double amplitude(const std::vector<double>& r) {
    return std::sqrt(.2 * r[0] * r[0] - .2 * r[0] * r[1] + .25 * r[1] * r[1]);
}

constexpr Pair kCentre{2.0, 2.5, 2.0, 0.0, 10.0, 10.0};

double growth_in_100_ms(const SolverPtr& solver, double dt) {
    const Circuit circuit = pair(dt, solver, kCentre);
    return amplitude(rates_at(circuit, at_rest(circuit, {1.0, 0.0}), 0.0, 100.0)) / amplitude({1.0, 0.0});
}

TEST(Oscillator, CentreGrowsAsEachMethodMakesIt) {
    EXPECT_NEAR(growth_in_100_ms(euler(), 1.0), 7.106683, 1e-6);
    EXPECT_NEAR(growth_in_100_ms(euler(), 0.5), 2.704814, 1e-6);
    EXPECT_NEAR(growth_in_100_ms(euler(), 0.1), 1.221354, 1e-6);
    EXPECT_NEAR(growth_in_100_ms(heun(), 1.0), 1.0201973, 1e-7);
    EXPECT_NEAR(growth_in_100_ms(heun(), 0.5), 1.0025031, 1e-7);
    EXPECT_NEAR(growth_in_100_ms(heun(), 0.1), 1.0000200, 1e-7);
    EXPECT_NEAR(growth_in_100_ms(rk4(), 1.0), .99995578, 1e-8);
    EXPECT_NEAR(growth_in_100_ms(rk4(), 0.5), .99999861, 1e-8);
    EXPECT_NEAR(growth_in_100_ms(rk4(), 0.1) - 1.0, -4.4e-10, 1e-11);
}

// In the plane of e and its slope / omega the centre is a circle, once around in 31.4 ms.
TEST(Oscillator, CentreKeepsItsPhase) {
    const Circuit circuit = pair(1.0, rk4(), kCentre);
    const std::vector<double> r = rates_at(circuit, at_rest(circuit, {1.0, 0.0}), 0.0, 100.0);
    const auto angle = [](double e, double i) { return std::atan2(-(.1 * e - .25 * i) / .2, e); };
    const double turned = angle(r[0], r[1]) - angle(1.0, 0.0);
    EXPECT_NEAR(std::remainder(turned - 0.2 * 100.0, 2 * std::acos(-1.0)), -2.6287e-4, 1e-8);
}

TEST(Oscillator, ADampedPairHasItsFrequencyAndHalfLife) {
    const Circuit circuit = pair(0.1, rk4(), {1.5, 2.0, 2.5, 0.5, 20.0, 10.0});
    const double rate = -.0625, omega = .1316956719, slope = (1.5 - 1.0) / 20.0;  // de/dt at e = 1, i = 0
    EXPECT_NEAR(omega / (2 * std::acos(-1.0)) * 1000.0, 20.9600171684, 1e-6);
    EXPECT_NEAR(std::log(2.0) / -rate, 11.0903548890, 1e-9);
    for (const double t : {5.0, 11.0, 25.0, 60.0}) {
        const double e = std::exp(rate * t) * (std::cos(omega * t) + (slope - rate) / omega * std::sin(omega * t));
        EXPECT_NEAR(rates_at(circuit, at_rest(circuit, {1.0, 0.0}), 0.0, t)[0], e, 1e-8) << t;
    }
}

// ---- A supralinear unit: tau dr/dt = −r + k [w r + h]_+^2, k = .04 --------------------------------------------------------------

Circuit supralinear(double dt, const SolverPtr& solver, double w) {
    const Map power = Custom{[](const at::Tensor& x) { return x.relu().square().mul(.04); }, {}, "0.04 [.]_+^2"};
    return rates(dt, solver, {{.tau = 10.0, .recurrent_weight = w, .power = power}});
}

struct FixedPoint {
    double w, h, r, tau_lambda;
};
constexpr FixedPoint kStable[]{{0.5, 10.0, 7.6393202250, -.4472135955},
                               {0.5, 12.0, 16.0, -.2},
                               {-.5, 10.0, 2.9179606750, -1.3416407865},
                               {-.5, 100.0, 100.0, -3.0}};

TEST(SupralinearUnit, SettlesAtItsFixedPoint) {
    for (const auto& p : kStable) {
        const Circuit circuit = supralinear(1.0, heun(), p.w);
        EXPECT_NEAR(answer_at(circuit, at_rest(circuit, {0.0}), p.h, 2000.0), p.r, 1e-9 * p.r) << p.w << " " << p.h;
    }
}

TEST(SupralinearUnit, RelaxesAsFastAsItsEigenvalue) {
    for (const auto& p : kStable) {
        const Circuit circuit = supralinear(0.25, rk4(), p.w);
        const double exact = std::round(p.r * 1e10) / 1e10, off = 1e-4;
        const double fixed = answer_at(circuit, at_rest(circuit, {exact}), p.h, 10.0);
        const double left = answer_at(circuit, at_rest(circuit, {exact + off}), p.h, 10.0) - fixed;
        EXPECT_NEAR(std::log(left / off), p.tau_lambda, 1e-4) << p.w << " " << p.h;  // 10 ms are one tau
    }
}

TEST(SupralinearUnit, TheUnstableBranchParts) {
    const Circuit circuit = supralinear(0.5, rk4(), 0.5);
    EXPECT_NEAR(answer_at(circuit, at_rest(circuit, {52.3606797750 - 0.01}), 10.0, 2000.0), 7.6393202250, 1e-8);
    EXPECT_GT(answer_at(circuit, at_rest(circuit, {52.3606797750 + 0.01}), 10.0, 150.0), 60.0);
    EXPECT_NEAR(answer_at(circuit, at_rest(circuit, {36.0 - 0.01}), 12.0, 2000.0), 16.0, 1e-8);
}

// Beyond h = 1 / (4 w k) = 12.5 there is no fixed point.
TEST(SupralinearUnit, HasNoFixedPointBeyondTheFold) {
    const Circuit circuit = supralinear(0.5, rk4(), 0.5);
    EXPECT_LT(answer_at(circuit, at_rest(circuit, {0.0}), 12.49, 3000.0), 25.0);
    const double beyond = answer_at(circuit, at_rest(circuit, {0.0}), 12.55, 1200.0);  // may be past all bounds
    EXPECT_FALSE(beyond < 100.0) << beyond;
}

// ---- Two supralinear populations: tau 20 and 10, k .3, W = [[1.25, -.65], [1.2, -.5]], h to both ---------------------------------

std::vector<double> populations_at(double h) {
    const auto power = [](double constant) {
        return Map(Custom{[constant](const at::Tensor& x) { return x.add(constant).relu().square().mul(.3); }, {}, ""});
    };
    const Circuit circuit = rates(0.5, heun(),
                                  {{.tau = 20.0, .recurrent_weight = 1.25, .power = power(0.0)},
                                   {.tau = 10.0, .weight = 1.2, .recurrent_weight = -.5, .power = power(h)}},
                                  {{.source = 1, .target = 0, .weight = -.65}});
    return rates_at(circuit, at_rest(circuit, {0.0, 0.0}), h, 2000.0);
}

TEST(SupralinearPair, SettlesAtItsFixedPointsAndSupersaturates) {
    const std::vector<std::array<double, 3>> table{{0.5, .09171993, .09495161},      {1.0, .47472091, .51610018},
                                                   {2.0, 3.26089604, 4.27569892},    {5.0, 8.45433188, 15.78357981},
                                                   {15.0, 11.20925841, 35.22914949}, {20.0, 11.08747443, 42.73848225}};
    for (const auto& [h, e, i] : table) {
        const std::vector<double> r = populations_at(h);
        EXPECT_NEAR(r[0], e, 1e-8) << h;
        EXPECT_NEAR(r[1], i, 1e-8) << h;
    }
}

// ---- Gradients through time -----------------------------------------------------------------------------------------------------

/// d x(10 ms) / d tau of the leaky integrator, tau = 10 ms.
double gradient_by_tau(const SolverPtr& solver, double dt) {
    Circuit circuit = rates(dt, solver, {{.tau = 10.0}});
    const at::Tensor tau = at::full({}, 10.0, at::kDouble).requires_grad_(true);
    circuit.layers[0].time.tau_tensor = tau;
    const auto shown =
        dv::Sequence::of(at::full({1, 1, 1, 1, 1}, 1.0, at::kDouble)).shown_for(steps_for(circuit, 10.0));
    run(circuit, shown, at_rest(circuit, {0.0})).outputs.select(1, -1).sum().backward();
    return tau.grad().item<double>();
}

TEST(Gradients, ByTheTimeConstant) {
    const auto trained_euler = std::make_shared<EulerStep>();
    EXPECT_NEAR(gradient_by_tau(trained_euler, 2.0), -.04096, 1e-10);
    EXPECT_NEAR(gradient_by_tau(trained_euler, 1.0), -.0387420489, 1e-10);
    EXPECT_NEAR(gradient_by_tau(trained_euler, 0.5), -.0377353603, 1e-10);
    EXPECT_NEAR(gradient_by_tau(rk4(), 0.5), -.0367879441, 1e-8);
    EXPECT_NEAR(gradient_by_tau(heun(), 0.1), -.0367879441, 5e-6);
    EXPECT_NEAR(gradient_by_tau(dopri5(1e-9, 1e-11), 2.0), -.0367879441, 1e-8);
}

/// d x(10 ms) / dw of the self-recurrent unit, w = .5.
double gradient_by_weight(const SolverPtr& solver, double dt) {
    Circuit circuit = rates(dt, solver, {{.tau = 10.0, .recurrent_weight = 0.5}});
    auto map = std::make_shared<Lateral>(dv::LinearMap{scalar_weight(0.5).requires_grad_(true), {}, 1});
    circuit.layers[0].recurrence->map = map;
    const auto shown =
        dv::Sequence::of(at::full({1, 1, 1, 1, 1}, 1.0, at::kDouble)).shown_for(steps_for(circuit, 10.0));
    run(circuit, shown, at_rest(circuit, {0.0})).outputs.select(1, -1).sum().backward();
    return map->map.weight.grad().item<double>();
}

TEST(Gradients, ByTheRecurrentWeight) {
    EXPECT_NEAR(gradient_by_weight(euler(), 2.0), .32584, 1e-10);
    EXPECT_NEAR(gradient_by_weight(euler(), 1.0), .3445534236, 1e-10);
    EXPECT_NEAR(gradient_by_weight(euler(), 0.5), .3529668582, 1e-10);
    EXPECT_NEAR(gradient_by_weight(rk4(), 0.25), .3608160417, 1e-8);
    EXPECT_NEAR(gradient_by_weight(dopri5(1e-9, 1e-11), 2.0), .3608160417, 1e-8);
}

}  // namespace

#include "stage_fixtures.hpp"

#include <dv/error.hpp>
#include <dv/testing/torch.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace {

using namespace dv::temporal;
using namespace dv::temporal::fixtures;
using Kind = Operation::Kind;

template <class Action>
std::string refusal(Action&& action) {
    try {
        action();
    } catch (const dv::Error& error) {
        return error.what();
    }
    return "nothing was refused";
}

#define EXPECT_SAYS(text, ...)                                                                                         \
    EXPECT_NE(refusal([&] { __VA_ARGS__; }).find(text), std::string::npos) << refusal([&] { __VA_ARGS__; })

// ---- Against the other executors ---------------------------------------------------------------------------------------------

/// Whether the circuit is one that both readings of synchronous order agree on: every layer has a solver, and reads others before.
bool relaxes_everywhere(const Circuit& circuit) {
    return std::all_of(circuit.layers.begin(), circuit.layers.end(), [](const Layer& layer) {
        bool solved = false, late = false;
        for (const Operation& op : layer.operations) {
            solved = solved || op.kind == Kind::step;
            late = late || (solved && (op.kind == Kind::layer || op.kind == Kind::skip || op.kind == Kind::feedback));
        }
        return solved && !late;
    });
}

/// All lags at least 1, as in synchronous order; the last layer answers at once in both.
void make_synchronous(Circuit& circuit) {
    circuit.update_order = UpdateOrder::synchronous;
    for (Layer& layer : circuit.layers) {
        layer.time.dt = circuit.dt;
        layer.feedforward_lag += 1;
    }
    Layer& last = circuit.layers.back();
    last.feedforward_lag -= 1;
    last.feedforward_delay = static_cast<double>(last.feedforward_lag) * circuit.dt;
    for (Connection& c : circuit.connections) c.lag = std::max<std::int64_t>(c.lag, 1);
}

struct Outcome {
    at::Tensor outputs;
    std::vector<at::Tensor> gradients;
};
Outcome outcome(const RandomCircuit& random, const dv::Sequence& shown, Plan plan) {
    const at::Tensor out = run(random.circuit, shown, initial_state(random.circuit), {.plan = plan}).outputs;
    out.square().sum().backward();
    Outcome found{out.detach(), {}};
    for (const at::Tensor& p : random.parameters) {
        found.gradients.push_back(p.grad().defined() ? p.grad().clone() : at::zeros(p.sizes(), p.options()));
        p.mutable_grad().reset();
    }
    return found;
}

// A one-stage method that holds the past is what lags of delay + 1 say.
TEST(StageExecutor, OneStageAndAHeldPastAreTheLagsOfSynchronousOrder) {
    int compared = 0;
    for (std::uint64_t seed = 0; compared < 25; ++seed) {
        RandomCircuit random = random_circuit(seed);
        if (!relaxes_everywhere(random.circuit)) continue;
        ++compared;
        make_synchronous(random.circuit);
        const dv::Sequence shown = random_sequence(random.circuit, 2, 6, seed);
        const Outcome by_lags = outcome(random, shown, Plan::reference);
        random.circuit.interpolation = HistoryInterpolation::hold;
        const Outcome by_stages = outcome(random, shown, Plan::reference);
        EXPECT_LT(difference(by_stages.outputs, by_lags.outputs), 1e-12) << seed;
        for (std::size_t i = 0; i < by_lags.gradients.size(); ++i)
            EXPECT_LT(difference(by_stages.gradients[i], by_lags.gradients[i]), 1e-10) << seed << " parameter " << i;
    }
}

// ---- State ---------------------------------------------------------------------------------------------------------------------

/// Two layers with feedback, delays that dt does not divide, and a rectified output.
Circuit loop_of_two(double dt, const std::shared_ptr<const dv::Solver>& solver) {
    return rates(dt, solver,
                 {{.tau = 8.0, .recurrent_weight = 0.4, .recurrent_delay = 2.3, .forward_delay = 1.7},
                  {.tau = 12.0, .weight = 1.5, .recurrent_weight = -0.6}},
                 {{.source = 1, .target = 0, .weight = -0.8, .delay = 3.1}});
}

dv::Sequence pulses(std::int64_t n) {
    std::vector<double> values;
    for (std::int64_t t = 0; t < n; ++t) values.push_back(t / 5 % 2 == 0 ? 1.0 : -0.3);
    return numbers(values);
}
dv::Sequence part(const dv::Sequence& whole, std::int64_t from, std::int64_t to) {
    return dv::Sequence::of(whole.frames.slice(1, from, to));
}

TEST(StageExecutor, ARunMayBeContinued) {
    for (const auto& solver : {heun(), rk4(), dopri5(1e-6, 1e-8)}) {
        const Circuit circuit = loop_of_two(1.0, solver);
        const dv::Sequence shown = pulses(20);
        const at::Tensor whole = run(circuit, shown, initial_state(circuit)).outputs;
        Trajectory first = run(circuit, part(shown, 0, 7), initial_state(circuit));
        EXPECT_EQ(first.state.time, 7.0);
        const Trajectory second = run(circuit, part(shown, 7, 20), first.state);
        EXPECT_LT(difference(first.outputs, whole.slice(1, 0, 7)), 1e-15);
        EXPECT_LT(difference(second.outputs, whole.slice(1, 7, 20)), 1e-15);
    }
}

TEST(StageExecutor, TruncationCutsTheGraphButNoValue) {
    Circuit circuit = loop_of_two(1.0, rk4());
    auto map = std::make_shared<Lateral>(dv::LinearMap{scalar_weight(0.4).requires_grad_(true), {}, 1});
    circuit.layers[0].recurrence->map = map;
    const dv::Sequence shown = pulses(12);
    const auto gradient = [&](const Trajectory& t) {
        map->map.weight.mutable_grad().reset();
        t.outputs.select(1, -1).sum().backward();
        return map->map.weight.grad().item<double>();
    };
    const Trajectory whole = run(circuit, shown, initial_state(circuit));
    const Trajectory cut = run(circuit, shown, initial_state(circuit), {.truncated_bptt_timesteps = 8});
    EXPECT_LT(difference(cut.outputs, whole.outputs), 1e-15);
    const Trajectory before = run(circuit, part(shown, 0, 8), initial_state(circuit));
    const Trajectory rest = run(circuit, part(shown, 8, 12), before.state.detached());
    const double expected = gradient(rest);
    EXPECT_NEAR(gradient(cut), expected, 1e-14);
    EXPECT_GT(std::abs(gradient(whole) - expected), 1e-3);
}

TEST(StageExecutor, IdleStepsOnlySetTheState) {
    const Circuit circuit = loop_of_two(1.0, heun());
    dv::Sequence idle = pulses(5);
    idle.idle_timesteps = 6;
    idle.blank_value = 0.7;
    const auto blank = dv::Sequence::of(at::full({1, 1, 1, 1, 1}, 0.7, at::kDouble)).shown_for(6);
    const State warm = run(circuit, blank, initial_state(circuit)).state;
    const Trajectory from_warm = run(circuit, pulses(5), warm), from_idle = run(circuit, idle, initial_state(circuit));
    EXPECT_LT(difference(from_idle.outputs, from_warm.outputs), 1e-15);
    EXPECT_EQ(from_idle.outputs.size(1), 5);
}

// ---- What has not arrived ---------------------------------------------------------------------------------------------------------

TEST(StageExecutor, ALayerIsAbsentUntilItsInputArrives) {
    const Circuit circuit = rates(1.0, rk4(), {{.tau = 5.0, .forward_delay = 3.0}, {.tau = 5.0}});
    KeepAll kept(2, 6);
    run(circuit, numbers({1, 1, 1, 1, 1, 1}), initial_state(circuit), {.recorder = &kept});
    for (std::size_t t = 0; t < 6; ++t) {
        EXPECT_TRUE(kept.responses[0][t].defined()) << t;
        EXPECT_EQ(kept.responses[1][t].defined(), t >= 3) << t;
    }
}

TEST(StageExecutor, AResidualStepIsAStepOfDelay) {
    EXPECT_EQ(rates(1.0, rk4(), {{.forward_delay = 3.0}, {.forward_delay = 1.5}, {}}).residual_timesteps(), 5);
    EXPECT_EQ(rates(0.5, heun(), {{}, {}, {}}).residual_timesteps(), 0);
}

// ---- What is seen -------------------------------------------------------------------------------------------------------------------

TEST(StageExecutor, ProbesAndRecorderSeeTheEndsOfSteps) {
    Circuit circuit = rates(0.5, rk4(), {{.tau = 4.0, .output = Map(Relu{})}, {.tau = 4.0}});
    circuit.layers[1].operations.push_back(
        {Kind::map, "pool", Custom{[](const at::Tensor& x) { return x.mul(3); }, {}, ""}});
    const auto index = [&](std::size_t l, Kind kind) {
        std::size_t i = 0;
        while (circuit.layers[l].operations[i].kind != kind) ++i;
        return i;
    };
    KeepAll kept(2, 4);
    RunOptions options;
    options.recorder = &kept;
    options.probes = {
        {0, index(0, Kind::step)}, {0, index(0, Kind::record)}, {1, 0}, {1, circuit.layers[1].operations.size() - 1}};
    const Trajectory seen = run(circuit, numbers({-1, -1, 2, 2}), at_rest(circuit, {0.0, 0.0}), options);
    ASSERT_EQ(seen.probed.size(), 4u);
    for (const Signal& s : seen.probed) {
        EXPECT_EQ(s.first, 0);
        EXPECT_EQ(s.values.size(1), 4);
    }
    EXPECT_LT(seen.probed[0].values[0][1].item<double>(), 0.0);  // before the rectification
    EXPECT_LT(difference(seen.probed[0].values.relu(), seen.probed[1].values), 1e-15);
    EXPECT_LT(difference(seen.probed[2].values, seen.probed[1].values),
              1e-15);  // the second layer's drive: weight 1, no delay
    EXPECT_LT(difference(seen.probed[3].values.flatten(1), seen.outputs.flatten(1)), 1e-15);
    for (std::size_t t = 0; t < 4; ++t) {
        EXPECT_LT(difference(kept.responses[0][t], seen.probed[1].values.select(1, static_cast<std::int64_t>(t))),
                  1e-15);
        EXPECT_FALSE(kept.responses[0][t].requires_grad());
    }
}

// ---- Accuracy -----------------------------------------------------------------------------------------------------------------------

/// The second rate of two in a row, d apart, t after a step of input: Erlang's distribution, d late.
double second_in_a_row(double x) { return 1.0 - std::exp(-x) * (1.0 + x); }

TEST(StageExecutor, KeepsItsOrderThroughDelays) {
    const auto error = [](double dt) {
        const Circuit circuit = rates(dt, rk4(), {{.tau = 10.0, .forward_delay = 4.0}, {.tau = 10.0}});
        return std::abs(answer_at(circuit, at_rest(circuit, {0.0, 0.0}), 1.0, 24.0) - second_in_a_row(2.0));
    };
    for (const double dt : {1.0, 0.5, 0.25}) EXPECT_NEAR(std::log2(error(dt) / error(dt / 2)), 4.0, 0.15) << dt;
}

// What is not on a cycle may have any delay: the layer before is done with the step.
TEST(StageExecutor, ADelayBelowAStepIsReadWithinIt) {
    const Circuit circuit = rates(0.5, rk4(), {{.tau = 10.0, .forward_delay = 0.3}, {.tau = 10.0}});
    EXPECT_NEAR(answer_at(circuit, at_rest(circuit, {0.0, 0.0}), 1.0, 10.0), second_in_a_row(0.97), 2e-5);
}

TEST(StageExecutor, AStateOfAnotherTimeIsRefused) {
    const Circuit circuit = rates(1.0, rk4(), {{}});
    State state = initial_state(circuit);
    state.knots.resize(1);
    state.knots[0].push_back({3.0, unit(1.0), unit(1.0), {}, {}, {}});
    EXPECT_SAYS("at 3", run(circuit, numbers({1}), state));
}

TEST(StageExecutor, AJumpOfTheInputKeepsTheOrder) {
    // Up at 0, down at 8 ms: the difference of two step responses.
    const auto error = [](double dt) {
        const at::NoGradGuard no_gradient;
        const Circuit circuit = rates(dt, rk4(), {{.tau = 10.0, .forward_delay = 4.0}, {.tau = 10.0}});
        dv::Sequence shown = dv::Sequence::of(at::full({1, 1, 1, 1, 1}, 1.0, at::kDouble));
        shown.schedule.assign(static_cast<std::size_t>(steps_for(circuit, 24.0)), dv::Sequence::kBlank);
        for (std::int64_t k = 0; k < steps_for(circuit, 8.0); ++k) shown.schedule[static_cast<std::size_t>(k)] = 0;
        const at::Tensor x = run(circuit, shown, at_rest(circuit, {0.0, 0.0})).outputs;
        return std::abs(x[0][x.size(1) - 1][0].item<double>() - (second_in_a_row(2.0) - second_in_a_row(1.2)));
    };
    for (const double dt : {1.0, 0.5}) EXPECT_NEAR(std::log2(error(dt) / error(dt / 2)), 4.0, 0.15) << dt;
}

TEST(StageExecutor, AdaptiveStepsMeetTheirTolerance) {
    const Circuit circuit = rates(4.0, dopri5(1e-8, 1e-10), {{.tau = 10.0, .forward_delay = 4.0}, {.tau = 10.0}});
    const Trajectory end = run(circuit, dv::Sequence::of(at::full({1, 1, 1, 1, 1}, 1.0, at::kDouble)).shown_for(6),
                               at_rest(circuit, {0.0, 0.0}));
    EXPECT_NEAR(end.outputs[0][5][0].item<double>(), second_in_a_row(2.0), 1e-7);
    EXPECT_EQ(end.state.time, 24.0);
    EXPECT_GT(end.state.step, 0.1);
    // One coarse step of dt would be far off; so would none of the control.
    const Circuit loose = rates(4.0, dopri5(1e-2, 1e-2), {{.tau = 1.0, .recurrent_weight = -3.0}});
    const Circuit tight = rates(4.0, dopri5(1e-9, 1e-11), {{.tau = 1.0, .recurrent_weight = -3.0}});
    EXPECT_NEAR(answer_at(tight, at_rest(tight, {0.0}), 1.0, 4.0), 0.25 * (1 - std::exp(-16.0)), 1e-9);
    EXPECT_NEAR(answer_at(loose, at_rest(loose, {0.0}), 1.0, 4.0), 0.25, 0.02);
}

// The membrane leaks, others read what is rectified: interpolated before the rectification, which keeps its kink sharp.
TEST(StageExecutor, AMembraneIsInterpolatedBeforeItsOutput) {
    const auto answer = [](double dt) {
        Circuit circuit = rates(dt, rk4(), {{.tau = 6.0, .forward_delay = 2.0, .output = Map(Relu{})}, {.tau = 6.0}});
        for (Layer& layer : circuit.layers) layer.leak = LeakState::membrane;
        State state = at_rest(circuit, {0.0, 0.0});
        state.membranes = {unit(-2.0), unit(0.0)};
        return answers(circuit, state, 1.0, 40.0).back();
    };
    // u(t) = 1 − 3 exp(−t / 6) passes 0 at 6 ln 3; the second layer follows max(u, 0), 2 ms late.
    const double s = (40.0 - 2.0 - 6.0 * std::log(3.0)) / 6.0;
    EXPECT_NEAR(answer(0.25), second_in_a_row(s), 2e-5);
    EXPECT_LT(std::abs(answer(0.125) - second_in_a_row(s)), 5e-6);
}

TEST(StageExecutor, GradientsAreThoseOfFiniteDifferences) {
    for (const auto& solver : {heun(), rk4()}) {
        Circuit circuit = loop_of_two(1.0, solver);
        circuit.layers[0].time.tau_tensor = at::full({}, 8.0, at::kDouble).requires_grad_(true);
        circuit.layers[1].feedforward.first.weight = scalar_weight(1.5).requires_grad_(true);
        auto map = std::make_shared<Lateral>(dv::LinearMap{scalar_weight(0.4).requires_grad_(true), {}, 1});
        circuit.layers[0].recurrence->map = map;
        circuit.connections[0].transform->weight = scalar_weight(-0.8).requires_grad_(true);
        const auto out = [&] { return run(circuit, pulses(9), initial_state(circuit)).outputs; };
        for (const at::Tensor& leaf : {circuit.layers[0].time.tau_tensor, circuit.layers[1].feedforward.first.weight,
                                       map->map.weight, circuit.connections[0].transform->weight}) {
            const auto agreement = dv::testing::gradient_agreement(out, leaf);
            EXPECT_LT(agreement.worst, 1e-6) << agreement.where;
        }
    }
}

// ---- Refusals -----------------------------------------------------------------------------------------------------------------------

TEST(StageExecutor, SequentialOrderIsRefusedWithTheAlternative) {
    Circuit circuit = rates(1.0, rk4(), {{}});
    circuit.update_order = UpdateOrder::sequential;
    EXPECT_SAYS("frozen_rk4", validate(circuit));
    EXPECT_SAYS("layer r0", run(circuit, numbers({1}), initial_state(circuit)));
}

TEST(StageExecutor, AStepBeyondADelayOfACycleIsRefusedByName) {
    EXPECT_SAYS("the recurrence of r0 has 0.5 ms",
                rates(1.0, heun(), {{.recurrent_weight = 1.0, .recurrent_delay = 0.5}}));
    EXPECT_SAYS("the feedback from r1 to r0 has 0.25 ms",
                rates(1.0, heun(), {{}, {}}, {{.source = 1, .target = 0, .delay = 0.25}}));
    rates(1.0, heun(), {{.forward_delay = 0.5}, {}});                                     // no cycle
    rates(1.0, dopri5(1e-5, 1e-7), {{.recurrent_weight = 1.0, .recurrent_delay = 0.5}});  // takes shorter steps
}

TEST(StageExecutor, SolversOfOneCircuitHaveOneMethod) {
    Circuit circuit = rates(1.0, heun(), {{}, {}});
    circuit.layers[1].solver = rk4();
    EXPECT_SAYS("layers r0 and r1", validate(circuit));
    circuit.layers[1].solver = euler();
    EXPECT_SAYS("different methods", validate(circuit));
}

TEST(StageExecutor, ALoopThatNothingDelaysIsRefused) {
    const std::vector<Link> back{{.source = 1, .target = 0, .weight = 0.5}};
    EXPECT_SAYS("layer r0 reads itself on a path without a delay",
                rates(1.0, heun(), {{.follows = true}, {.follows = true}, {}}, back));
    EXPECT_SAYS("layer r0 reads itself", rates(1.0, heun(), {{.recurrent_weight = 0.5, .follows = true}, {}}));
    rates(1.0, heun(), {{.follows = true}, {}}, back);  // a solver on the way
    rates(1.0, heun(), {{.follows = true}, {.follows = true}, {}}, {{.source = 1, .target = 0, .delay = 1.0}});
    rates(1.0, heun(), {{.forward_delay = 1.0, .follows = true}, {.follows = true}, {}}, back);
}

TEST(StageExecutor, AnExplosionStopsAnAdaptiveSolverByName) {
    const Map square = Custom{[](const at::Tensor& x) { return x.square().add(x); }, {}, "x^2 + x"};
    Circuit circuit =
        rates(1.0, dopri5(1e-6, 1e-8), {{.tau = 1.0, .weight = 0.0, .recurrent_weight = 1.0, .power = square}});
    // dr/dt = r², which is infinite at t = 1 / r(0).
    EXPECT_SAYS("layer r0, sample 0", run(circuit, numbers({0, 0, 0, 0}), at_rest(circuit, {0.4})));
}

TEST(StageExecutor, InterpolationNeedsSynchronousOrder) {
    Circuit circuit = rates(1.0, euler(), {{}});
    circuit.update_order = UpdateOrder::sequential;
    circuit.interpolation = HistoryInterpolation::linear;
    EXPECT_SAYS("synchronous", validate(circuit));
}

}  // namespace

// What layers may have besides recurrence and a solver: biases, adaptation, membranes, rests; and what probes see.
// Every plan has to
// agree.

#include "fixtures.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace {

using namespace dv::temporal;
using namespace dv::temporal::fixtures;
using Kind = Operation::Kind;

class Mechanisms : public testing::TestWithParam<Plan> {
protected:
    Trajectory trajectory(const Circuit& circuit, const std::vector<double>& input, RunOptions options = {}) const {
        options.plan = GetParam();
        return run(circuit, numbers(input), initial_state(circuit), options);
    }
    std::vector<double> answers(const Circuit& circuit, const std::vector<double>& input) const {
        return values(trajectory(circuit, input).outputs);
    }
    static std::vector<double> values(const at::Tensor& t) {
        const at::Tensor flat = t.detach().reshape({-1}).contiguous();
        return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
    }
};

MATCHER(IsClose, "") { return std::abs(std::get<0>(arg) - std::get<1>(arg)) < 1e-12; }
auto close_to(std::vector<double> expected) { return testing::Pointwise(IsClose(), std::move(expected)); }

at::Tensor scalar(double value) { return at::full({}, value, at::kDouble); }

/// Puts an operation before the one of kind `before`.
void insert(Layer& layer, Kind before, Operation operation) {
    for (std::size_t i = 0; i < layer.operations.size(); ++i) {
        if (layer.operations[i].kind != before) continue;
        layer.operations.insert(layer.operations.begin() + static_cast<std::ptrdiff_t>(i), std::move(operation));
        return;
    }
}
Operation bias(double value) { return {Kind::map, "addbias", Bias{scalar(value)}}; }
Operation relu() { return {Kind::map, "nonlin", Relu{}}; }

TEST_P(Mechanisms, ABiasIsAddedAndStandsAloneWhereNothingHasArrived) {
    Circuit circuit = units({{.name = "A", .feedforward_lag = 2}, {.name = "B", .weight = 3}});
    insert(circuit.layers[1], Kind::record, bias(10));
    validate(circuit);
    EXPECT_THAT(answers(circuit, {1, 2, 3}), close_to({10, 10, 13}));
    EXPECT_EQ(circuit.residual_timesteps(), 0);
}

TEST_P(Mechanisms, ABiasOfItsOwnReachesEverySampleAndTheSolver) {
    Circuit circuit =
        units({{.name = "A", .feedforward_lag = 2}, {.name = "B", .recurrent_weight = 1, .dt_over_tau = 0.5}});
    insert(circuit.layers[1], Kind::step, bias(4));
    const dv::Sequence two = dv::Sequence::of(at::tensor({1., 1., 1., 5., 5., 5.}, at::kDouble).view({2, 3, 1, 1, 1}));
    const at::Tensor out = run(circuit, two, initial_state(circuit), {.plan = GetParam()}).outputs;
    // r <- (r + drive) / 2, drive = 4 + r(t-1), and the input from step 2 on
    EXPECT_THAT(values(out), close_to({2, 4, 6.5, 2, 4, 8.5}));
}

TEST_P(Mechanisms, ABiasThatNeedsASignalIsAnErrorWithoutOne) {
    Circuit circuit = units({{.name = "A", .feedforward_lag = 2}, {.name = "B", .weight = 3}});
    insert(circuit.layers[1], Kind::record, bias(10));
    std::get<Bias>(*circuit.layers[1].operations[3].map).needs_signal = true;
    EXPECT_EQ(circuit.residual_timesteps(), 2);
    try {
        answers(circuit, {1, 2, 3});
        FAIL() << "a bias stood alone";
    } catch (const dv::Error& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("layer B: nothing has arrived where 'addbias' acts"));
    }
    circuit.layers[0].feedforward_lag = 0;
    EXPECT_THAT(answers(circuit, {1, 2, 3}), close_to({13, 16, 19}));
}

TEST_P(Mechanisms, WhatIsSkippedOnAbsentInputAddsNothingToIt) {
    Circuit circuit =
        units({{.name = "A", .feedforward_lag = 2}, {.name = "B", .weight = 3}}, {{Connection::Kind::skip, 0, 1, 0}});
    insert(circuit.layers[1], Kind::record, bias(10));
    // The skip arrives two steps before what the layer passes on.
    EXPECT_THAT(answers(circuit, {1, 2, 3}), close_to({11, 12, 16}));
    for (Operation& op : circuit.layers[1].operations) {
        if (op.kind == Kind::skip) op.skipped_on_absent_input = true;
    }
    EXPECT_THAT(answers(circuit, {1, 2, 3}), close_to({10, 10, 16}));
    for (Operation& op : circuit.layers[1].operations) op.skipped_on_absent_input = op.kind != Kind::delay;
    EXPECT_THAT(answers(circuit, {1, 2, 3}), close_to({0, 0, 16}));
    EXPECT_EQ(circuit.residual_timesteps(), 2);
}

TEST_P(Mechanisms, AdaptationPushesBack) {
    constexpr double alpha = 0.96, beta = 0.7;
    for (const bool divisive : {false, true}) {
        Circuit circuit = units({{.name = "A"}});
        circuit.layers[0].adaptation = Adaptation{scalar(alpha), scalar(beta), divisive};
        insert(circuit.layers[0], Kind::record, {Kind::adapt, "adapt", {}});
        insert(circuit.layers[0], Kind::record, relu());
        validate(circuit);
        std::vector<double> expected;
        double s = 0.0;
        for (int t = 0; t < 8; ++t) {
            const double drive = divisive ? 2.0 / (1 + beta * s) : 2.0 - beta * s;
            expected.push_back(std::max(0.0, drive));
            s = alpha * s + (1 - alpha) * expected.back();
        }
        EXPECT_THAT(answers(circuit, std::vector<double>(8, 2.0)), close_to(expected)) << divisive;
    }
}

TEST_P(Mechanisms, AdaptationGoesOnFromTheState) {
    Circuit circuit = units({{.name = "A"}});
    circuit.layers[0].adaptation = Adaptation{scalar(0.5), scalar(1.0), false};
    insert(circuit.layers[0], Kind::record, {Kind::adapt, "adapt", {}});
    const std::vector<double> whole = answers(circuit, {4, 4, 4, 4});
    const Trajectory first = trajectory(circuit, {4, 4});
    const Trajectory second = run(circuit, numbers({4, 4}), first.state, {.plan = GetParam()});
    EXPECT_THAT(values(second.outputs), close_to({whole[2], whole[3]}));
}

TEST_P(Mechanisms, AMembraneRelaxesFromItsOwnResult) {
    const auto with = [](LeakState leak) {
        Circuit circuit = units({{.name = "A", .dt_over_tau = 0.5}});
        circuit.layers[0].leak = leak;
        insert(circuit.layers[0], Kind::record, relu());
        return circuit;
    };
    // Below threshold the membrane is negative, and has to come up again; the response restarts from 0.
    EXPECT_THAT(answers(with(LeakState::membrane), {-8, 4, 4}), close_to({0, 0, 2}));
    EXPECT_THAT(answers(with(LeakState::response), {-8, 4, 4}), close_to({0, 2, 3}));
}

TEST_P(Mechanisms, InputAdaptationAccumulatesOrSettles) {
    Circuit circuit = units({{.name = "A"}});
    circuit.input_adaptation.weight = 0.5;
    EXPECT_THAT(answers(circuit, {1, 5, 7, 9}), close_to({1, 5.5, 9.75, 13.875}));
    circuit.input_adaptation.weight = -0.5;
    EXPECT_NEAR(answers(circuit, std::vector<double>(60, 3.0)).back(), 3.0 / 1.5, 1e-12);
    circuit.input_adaptation = {0.5, true};  // DynVision 0.1.0
    EXPECT_THAT(answers(circuit, {1, 5, 7, 9}), close_to({1, 0.5, 0.25, 0.125}));
}

TEST_P(Mechanisms, InputAdaptationCountsIdleStepsAndGoesOn) {
    Circuit circuit = units({{.name = "A"}});
    circuit.input_adaptation.weight = 0.5;
    dv::Sequence sequence = numbers({1, 1});
    sequence.idle_timesteps = 2;
    sequence.blank_value = 4;  // 4, then 6
    const Trajectory first = run(circuit, sequence, initial_state(circuit), {.plan = GetParam()});
    EXPECT_THAT(values(first.outputs), close_to({4, 3}));
    EXPECT_THAT(values(run(circuit, numbers({0}), first.state, {.plan = GetParam()}).outputs), close_to({1.5}));
}

TEST_P(Mechanisms, FramesPassTheFront) {
    Circuit circuit = units({{.name = "A", .weight = 2}});
    circuit.front = {Convolution{scalar_weight(-3), {}}, Relu{}};
    validate(circuit);
    EXPECT_THAT(answers(circuit, {1, -1}), close_to({0, 6}));
}

/// Three areas one step apart that rest until something arrives, each with a bias of its own behind its input path.
Circuit resting() {
    Circuit circuit = units({{.name = "A", .recurrent_weight = 1, .feedforward_lag = 1},
                             {.name = "B", .recurrent_weight = 1, .feedforward_lag = 1},
                             {.name = "C", .recurrent_weight = 1}});
    for (Layer& layer : circuit.layers) {
        layer.feedforward.second = Convolution{scalar_weight(1), scalar(1).view({1})};
        layer.recurrence->target = RecurrenceTarget::middle;
        if (&layer != &circuit.layers.back()) layer.operations.push_back({Kind::rest, "skipzeros", {}});
    }
    validate(circuit);
    return circuit;
}

TEST_P(Mechanisms, AreasWithoutInputRunOnZeros) {
    // A: 1+1, then in + A(t-1) + 1.  B and C start from zeros and count by their own bias until something comes.
    const Circuit circuit = resting();
    EXPECT_EQ(circuit.residual_timesteps(), 0);
    // step 0: A = in + 1 = 6; B: state 0 -> 1; what B held back is 0 as well, so C: state 0 -> 1
    // step 1: A = 5 + 6 + 1 = 12; B = 6 + 1 + 1 = 8; C gets B(0) = 1: 1 + 1 + 1 = 3
    // step 2: A = 18; B = 12 + 8 + 1 = 21; C = 8 + 3 + 1 = 12
    EXPECT_THAT(answers(circuit, {5, 5, 5}), close_to({1, 3, 12}));
}

TEST_P(Mechanisms, ProbesSeeAnOperationsResultWithItsGradient) {
    Circuit circuit = units({{.name = "A", .weight = 2, .feedforward_lag = 1}, {.name = "B", .weight = 3}});
    insert(circuit.layers[1], Kind::record, relu());
    const at::Tensor weight = circuit.layers[0].feedforward.first.weight.requires_grad_(true);
    RunOptions options;
    options.probes = {{1, 0}, {0, 0}};  // both input paths
    const Trajectory found = trajectory(circuit, {1, -2, 4}, options);
    ASSERT_EQ(found.probed.size(), 2u);
    EXPECT_EQ(found.probed[0].first, 1);
    EXPECT_THAT(values(found.probed[0].values), close_to({6, -12}));
    EXPECT_EQ(found.probed[1].first, 0);
    EXPECT_THAT(values(found.probed[1].values), close_to({2, -4, 8}));
    found.probed[0].values.sum().backward();
    EXPECT_EQ(weight.grad().item<double>(), 3 * (1 - 2));
}

TEST_P(Mechanisms, AProbeOfWhatNeverArrivesIsEmpty) {
    const Circuit circuit = units({{.name = "A", .feedforward_lag = 5}, {.name = "B"}});
    RunOptions options;
    options.probes = {{1, 0}};
    EXPECT_FALSE(trajectory(circuit, {1, 2}, options).probed[0].values.defined());
}

TEST_P(Mechanisms, TrainedPowersAreThoseOfTheNumbers) {
    const auto with = [](const SupraLinear& power) {
        Circuit circuit = units({{.name = "A"}});
        insert(circuit.layers[0], Kind::record, {Kind::map, "supralin", power});
        return circuit;
    };
    const at::Tensor k = scalar(0.8).requires_grad_(true), n = scalar(1.5).requires_grad_(true);
    const at::Tensor out = trajectory(with({.gain_tensor = k, .exponent_tensor = n}), {4}).outputs;
    EXPECT_THAT(values(out), close_to(answers(with({0.8, 1.5}), {4})));
    out.sum().backward();
    EXPECT_NEAR(k.grad().item<double>(), 8.0, 1e-12);  // 4^1.5
    EXPECT_NEAR(n.grad().item<double>(), 0.8 * 8.0 * std::log(4.0), 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Plans, Mechanisms, testing::Values(Plan::reference, Plan::fast),
                         [](const auto& test) { return test.param == Plan::reference ? "reference" : "fast"; });

TEST(History, MayHoldItsFirstSignalForEverBefore) {
    dv::temporal::History history(3);
    history.hold_first();
    history.push({});
    EXPECT_FALSE(history.back(1).defined());
    history.push(scalar_weight(7));
    EXPECT_EQ(history.back(3).item<double>(), 7);
    history.push(scalar_weight(8));
    EXPECT_EQ(history.back(1).item<double>(), 8);
    EXPECT_EQ(history.back(3).item<double>(), 7);
}

// ---- What is refused, and what is told ------------------------------------------------------------------------------

template <class Break>
std::string complaint(Circuit circuit, Break&& break_it) {
    break_it(circuit);
    try {
        validate(circuit);
    } catch (const dv::Error& error) {
        return error.what();
    }
    return "nothing";
}

TEST(ValidateMechanisms, NamesTheLayerAndTheFault) {
    using testing::HasSubstr;
    const Circuit plain = units({{.name = "A"}, {.name = "B"}});
    EXPECT_THAT(complaint(plain,
                          [](Circuit& c) {
                              insert(c.layers[0], Kind::record, {Kind::adapt, "adapt", {}});
                          }),
                HasSubstr("layer A: has an operation that adapts, but no adaptation"));
    EXPECT_THAT(complaint(plain,
                          [](Circuit& c) {
                              c.layers[0].adaptation = Adaptation{scalar(1), scalar(1), false};
                          }),
                HasSubstr("layer A: has an adaptation, but no operation"));
    EXPECT_THAT(complaint(plain,
                          [](Circuit& c) {
                              insert(c.layers[0], Kind::record, {Kind::adapt, "adapt", {}});
                              c.layers[0].adaptation = Adaptation{at::zeros({2, 1, 1}), scalar(1), false};
                          }),
                HasSubstr("adaptation's alpha"));
    EXPECT_THAT(complaint(plain,
                          [](Circuit& c) {
                              c.layers[1].operations.push_back({Kind::rest, "skipzeros", {}});
                          }),
                HasSubstr("layer B: rests, but there is no next layer"));
    EXPECT_THAT(complaint(plain,
                          [](Circuit& c) {
                              insert(c.layers[0], Kind::record, {Kind::map, "addbias", Bias{at::zeros({3, 1, 1})}});
                          }),
                HasSubstr("layer A: a bias is"));
    EXPECT_THAT(complaint(plain,
                          [](Circuit& c) {
                              for (Operation& op : c.layers[0].operations) op.skipped_on_absent_input = true;
                          }),
                HasSubstr("'' answers absent signals too, and cannot be skipped on them"));
    EXPECT_THAT(complaint(plain, [](Circuit& c) { c.input_adaptation.weight = 1.0; }),
                HasSubstr("grows without bound"));
    EXPECT_THAT(complaint(plain,
                          [](Circuit& c) {
                              c.front = {Convolution{at::zeros({1, 2, 1, 1}), {}}};
                          }),
                HasSubstr("before the first layer"));
}

TEST(DescribeMechanisms, SaysThemInEquations) {
    Circuit circuit = units({{.name = "A", .dt_over_tau = 0.5}, {.name = "B"}});
    Layer& a = circuit.layers[0];
    a.leak = LeakState::membrane;
    a.adaptation = Adaptation{scalar(0.9), scalar(0.5), false};
    insert(a, Kind::record, {Kind::adapt, "adapt", {}});
    insert(a, Kind::record, bias(1));
    insert(a, Kind::record, {Kind::map, "supralin", SupraLinear{.exponent_tensor = scalar(2)}});
    a.operations.push_back({Kind::rest, "skipzeros", {}});
    circuit.input_adaptation.weight = -0.5;
    circuit.front = {Relu{}};
    EXPECT_EQ(describe(circuit, 4), R"(input: 1 x 1 x 1, 4 steps of 1 ms
    y = frame + -0.5 y(t-1)
    in = relu(y): 1 x 1 x 1
A: 1 x 1 x 1
    x = conv1x1(in)
    r <- r + 0.500000 (x - r)    (r is kept; dt/tau = 0.5)
    x = r
    h = 0.8 sign(.) |(x - 0.5 s) + b|^n
    out = h, at rest while it is zero
    s <- 0.9 s + (1 - 0.9) h    (adaptation, from s = 0)
    2 parameters, 1 multiply-adds per step
B: 1 x 1 x 1
    h = conv1x1(in)
    out = h
    1 parameters, 1 multiply-adds per step
readout: the unit
all: 3 parameters, 2 multiply-adds per step, 8 per sequence and sample
)");
}

}  // namespace

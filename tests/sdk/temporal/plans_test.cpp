// The fast plan and the reference agree, in one go and in segments: outputs, gradients, states, recorded responses, probes.

#include "fixtures.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

#include <gtest/gtest.h>

#include <cmath>

namespace {

using namespace dv::temporal;
using namespace dv::temporal::fixtures;
using dv::Sequence;

/// What one plan makes of a circuit.
struct Result {
    Trajectory trajectory;
    std::vector<at::Tensor> gradients;
    KeepAll responses;
};

Result run_with(Plan plan, const RandomCircuit& made, const Sequence& sequence, RunOptions options = {},
                std::optional<State> state = {}) {
    Result result{{}, {}, KeepAll(made.circuit.layers.size(), sequence.n_timesteps())};
    options.plan = plan;
    options.recorder = &result.responses;
    result.trajectory = run(made.circuit, sequence, state ? *state : initial_state(made.circuit), options);
    at::Tensor loss = result.trajectory.outputs.pow(2).sum();
    for (const Signal& signal : result.trajectory.probed) {
        if (signal.values.defined()) loss = loss.add(signal.values.sin().sum());
    }
    for (const at::Tensor& p : made.parameters) p.mutable_grad().reset();
    loss.backward();
    for (const at::Tensor& p : made.parameters) {
        result.gradients.push_back(p.grad().defined() ? p.grad().clone() : at::zeros_like(p));
    }
    return result;
}

void expect_same_signal(const at::Tensor& found, const at::Tensor& expected, double tolerance,
                        const std::string& what) {
    ASSERT_EQ(found.defined(), expected.defined()) << what;
    if (!found.defined()) return;
    // Of signals that depend on no sample, either may have a batch of one.
    ASSERT_EQ(found.sizes().slice(1), expected.sizes().slice(1)) << what;
    EXPECT_LT(difference(found, expected), tolerance) << what;
}

void expect_same(const Result& found, const Result& expected, double tolerance) {
    EXPECT_LT(difference(found.trajectory.outputs, expected.trajectory.outputs), tolerance);
    ASSERT_EQ(found.gradients.size(), expected.gradients.size());
    for (std::size_t i = 0; i < found.gradients.size(); ++i) {
        EXPECT_LT(difference(found.gradients[i], expected.gradients[i]), tolerance) << "gradient of parameter " << i;
    }
    for (std::size_t l = 0; l < found.responses.responses.size(); ++l) {
        for (std::size_t t = 0; t < found.responses.responses[l].size(); ++t) {
            expect_same_signal(found.responses.responses[l][t], expected.responses.responses[l][t], tolerance,
                               "response of layer " + std::to_string(l) + " at step " + std::to_string(t));
        }
        const auto& f = found.trajectory.state.layers[l];
        const auto& e = expected.trajectory.state.layers[l];
        ASSERT_EQ(f.size(), e.size());
        for (std::int64_t k = 1; k <= f.size(); ++k) expect_same_signal(f.back(k), e.back(k), tolerance, "state");
    }
    ASSERT_EQ(found.trajectory.probed.size(), expected.trajectory.probed.size());
    for (std::size_t i = 0; i < found.trajectory.probed.size(); ++i) {
        const Signal &f = found.trajectory.probed[i], &e = expected.trajectory.probed[i];
        expect_same_signal(f.values, e.values, tolerance, "probe " + std::to_string(i));
        if (!f.values.defined()) continue;
        EXPECT_EQ(f.first, e.first) << "probe " << i;
    }
}

void expect_plans_agree(const RandomCircuit& made, const Sequence& sequence, const RunOptions& options = {},
                        double tolerance = 1e-10, const std::optional<State>& state = {}) {
    const Result expected = run_with(Plan::reference, made, sequence, options, state);
    expect_same(run_with(Plan::fast, made, sequence, options, state), expected, tolerance);
    RunOptions in_segments = options;
    in_segments.checkpoint_segments = 2 + sequence.batch() * sequence.n_timesteps() % 5;
    for (const Plan plan : {Plan::reference, Plan::fast}) {
        SCOPED_TRACE(testing::Message() << in_segments.checkpoint_segments << " segments, plan " << static_cast<int>(plan));
        expect_same(run_with(plan, made, sequence, in_segments, state), expected, tolerance);
    }
}

class Plans : public testing::TestWithParam<std::uint64_t> {
protected:
    RandomCircuit made = random_circuit(GetParam());
    Sequence film(std::int64_t batch, std::int64_t n) const {
        return random_sequence(made.circuit, batch, n, GetParam());
    }
};

TEST_P(Plans, AgreeOnAFilm) { expect_plans_agree(made, film(2, 9)); }

TEST_P(Plans, AgreeOnAStillImage) { expect_plans_agree(made, film(3, 1).shown_for(10)); }

TEST_P(Plans, AgreeOnOneSampleForOneStep) { expect_plans_agree(made, film(1, 1)); }

TEST_P(Plans, AgreeOnAPatternWithBlanksAndIdleSteps) {
    Sequence sequence = film(2, 2);
    sequence.schedule = {Sequence::kBlank, 0, 0, Sequence::kBlank, 1, 1, 0, Sequence::kBlank, Sequence::kBlank};
    sequence.blank_value = 0.2;
    sequence.idle_timesteps = static_cast<std::int64_t>(GetParam() % 6);
    expect_plans_agree(made, sequence);
}

TEST_P(Plans, AgreeWhenTheGradientIsCut) {
    RunOptions options;
    options.truncated_bptt_timesteps = 1 + static_cast<std::int64_t>(GetParam() % 4);
    expect_plans_agree(made, film(2, 1).shown_for(9), options);
}

TEST_P(Plans, AgreeOnEverySignalThatIsProbed) {
    RunOptions options;
    for (std::size_t l = 0; l < made.circuit.layers.size(); ++l) {
        const std::size_t n = made.circuit.layers[l].operations.size();
        options.probes.push_back({l, (GetParam() + l) % n});
        options.probes.push_back({l, (GetParam() + l + 3) % n});
    }
    expect_plans_agree(made, film(2, 7), options);
}

TEST_P(Plans, AgreeFromAStateThatIsHandedOn) {
    const Sequence sequence = film(2, 5);
    const State middle =
        run(made.circuit, sequence, initial_state(made.circuit), {.plan = Plan::reference}).state.detached();
    expect_plans_agree(made, sequence, {}, 1e-10, middle);
}

TEST_P(Plans, AgreeWhereOperationsAreSkippedOnAbsentInput) {
    dv::Random random(GetParam(), 2, 0, dv::Purpose::synthesize);
    for (Layer& layer : made.circuit.layers) {
        for (Operation& op : layer.operations)
            op.skipped_on_absent_input = op.kind != Operation::Kind::delay && random.uniform() < 0.5;
        layer.feedforward_lag += random.below(2);
    }
    validate(made.circuit);
    expect_plans_agree(made, film(2, 9));
}

TEST_P(Plans, AgreeWhenAFirstSignalCountsForEver) {
    State state = initial_state(made.circuit);
    for (History& history : state.layers) history.hold_first();
    RunOptions options;
    options.truncated_bptt_timesteps = static_cast<std::int64_t>(GetParam() % 5);
    for (std::size_t l = 0; l < made.circuit.layers.size(); ++l)
        options.probes.push_back({l, (GetParam() + l) % made.circuit.layers[l].operations.size()});
    Sequence sequence = film(2, 1).shown_for(9);
    sequence.idle_timesteps = GetParam() % 3 == 0 ? 2 : 0;
    expect_plans_agree(made, sequence, options, 1e-10, state);
}

/// The same circuit with the numbers' type changed: its parameters are leaves of their own.
TEST_P(Plans, AgreeInFloat) {
    for (at::Tensor& parameter : made.parameters) {
        const at::NoGradGuard no_gradient;
        parameter.set_data(parameter.detach().to(at::kFloat));
    }
    Sequence sequence = film(2, 1).shown_for(8);
    sequence.frames = sequence.frames.to(at::kFloat);
    expect_plans_agree(made, sequence, {}, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Plans, testing::Range<std::uint64_t>(0, 60));

/// Layers of two convolutions that rest until something arrives, and again whenever it is all zeros.
RandomCircuit resting_circuit(std::uint64_t seed) {
    dv::Random random(seed, 3, 0, dv::Purpose::synthesize);
    RandomCircuit made;
    const auto convolution = [&](std::int64_t in, bool biased) {
        Convolution c{noise({2, in, 3, 3}, random, 0.4).requires_grad_(true), {}};
        c.padding = 1;
        made.parameters.push_back(c.weight);
        if (biased) made.parameters.push_back(c.bias = noise({2}, random, 0.3).requires_grad_(true));
        return c;
    };
    const std::int64_t n = 2 + random.below(3);
    made.circuit.input = {1, 4, 5};
    for (std::int64_t l = 0; l < n; ++l) {
        using Kind = Operation::Kind;
        Layer layer;
        layer.name = "L" + std::to_string(l);
        layer.feedforward.first = convolution(l == 0 ? 1 : 2, random.uniform() < 0.3);
        layer.feedforward.second = convolution(2, random.uniform() < 0.5);
        layer.feedforward_lag = random.below(3);
        layer.stored = layer.output = {2, 4, 5};
        const Convolution back = convolution(2, false);
        RecurrentPath path{std::make_shared<Lateral>(dv::LinearMap{back.weight, {}}), RecurrenceTarget::middle};
        path.lag = 1 + random.below(2);
        layer.recurrence = std::move(path);
        for (const Kind kind : {Kind::layer, Kind::map, Kind::record, Kind::delay, Kind::rest}) {
            if (kind == Kind::rest && l + 1 == n) continue;
            layer.operations.push_back({kind, "op", kind == Kind::map ? std::optional<Map>(Relu{}) : std::nullopt});
        }
        made.circuit.layers.push_back(std::move(layer));
    }
    made.circuit.readout = {[](const at::Tensor& x) { return x.mean({2, 3}); }, 2, "mean", 0, 0};
    validate(made.circuit);
    return made;
}

class RestingPlans : public testing::TestWithParam<std::uint64_t> {};

TEST_P(RestingPlans, AgreeHoweverOftenLayersRest) {
    const RandomCircuit made = resting_circuit(GetParam());
    Sequence sequence = random_sequence(made.circuit, 2, 2, GetParam());
    // Zeros on and off: without a bias nothing is left of them.
    sequence.schedule = {Sequence::kBlank, 0, Sequence::kBlank, Sequence::kBlank, Sequence::kBlank, 1, 1,
                         Sequence::kBlank, 0};
    RunOptions options;
    options.truncated_bptt_timesteps = static_cast<std::int64_t>(GetParam() % 4);
    for (std::size_t l = 0; l < made.circuit.layers.size(); ++l)
        options.probes.push_back({l, (GetParam() + l) % made.circuit.layers[l].operations.size()});
    sequence.idle_timesteps = static_cast<std::int64_t>(GetParam() % 3);
    expect_plans_agree(made, sequence, options);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RestingPlans, testing::Range<std::uint64_t>(0, 40));

}  // namespace

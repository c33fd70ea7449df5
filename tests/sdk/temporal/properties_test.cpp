// What holds for any circuit, shown on random ones.

#include "fixtures.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>

#include <gtest/gtest.h>

#include <cmath>

namespace {

using namespace dv::temporal;
using namespace dv::temporal::fixtures;
using dv::Sequence;

constexpr double kTolerance = 1e-12;

class RandomCircuits : public testing::TestWithParam<std::uint64_t> {
protected:
    RandomCircuit made = random_circuit(GetParam());
    const Circuit& circuit = made.circuit;
    std::int64_t frames = 7;
    Sequence sequence = random_sequence(circuit, 3, frames, GetParam());

    at::Tensor outputs(const Sequence& s) const { return run(circuit, s, initial_state(circuit)).outputs.detach(); }
    Sequence part(std::int64_t from, std::int64_t to) const { return Sequence::of(sequence.frames.slice(1, from, to)); }
    std::vector<at::Tensor> gradients(const at::Tensor& loss) const {
        for (const at::Tensor& p : made.parameters) p.mutable_grad().reset();
        loss.backward();
        std::vector<at::Tensor> out;
        for (const at::Tensor& p : made.parameters)
            out.push_back(p.grad().defined() ? p.grad().clone() : p.detach().mul(0));
        return out;
    }
};

TEST_P(RandomCircuits, ContinuingFromTheStateIsTheWholeRun) {
    const at::Tensor whole = outputs(sequence);
    for (std::int64_t cut = 1; cut < frames; cut += 2) {
        const Trajectory first = run(circuit, part(0, cut), initial_state(circuit));
        const Trajectory second = run(circuit, part(cut, frames), first.state);
        EXPECT_LT(difference(at::cat({first.outputs, second.outputs}, 1), whole), kTolerance) << "cut after " << cut;
    }
}

TEST_P(RandomCircuits, GradientsFlowThroughTheStateThatIsHandedOn) {
    const auto expected = gradients(run(circuit, sequence, initial_state(circuit)).outputs.pow(2).sum());
    const Trajectory first = run(circuit, part(0, 3), initial_state(circuit));
    const Trajectory second = run(circuit, part(3, frames), first.state);
    const auto found = gradients(first.outputs.pow(2).sum().add(second.outputs.pow(2).sum()));
    for (std::size_t i = 0; i < expected.size(); ++i)
        EXPECT_LT(difference(found[i], expected[i]), 1e-10) << "parameter " << i;
}

TEST_P(RandomCircuits, IdleStepsAreBlankStepsWhoseOutputIsDropped) {
    Sequence idle = sequence;
    idle.idle_timesteps = 4;
    idle.blank_value = 0.3;
    Sequence shown = idle;
    shown.idle_timesteps = 0;
    shown.schedule.insert(shown.schedule.begin(), 4, Sequence::kBlank);
    EXPECT_LT(difference(outputs(idle), outputs(shown).slice(1, 4)), kTolerance);
}

TEST_P(RandomCircuits, SamplesDoNotInfluenceEachOther) {
    const at::Tensor together = outputs(sequence);
    for (std::int64_t b = 0; b < 3; ++b) {
        const at::Tensor alone = outputs(Sequence::of(sequence.frames.slice(0, b, b + 1)));
        EXPECT_LT(difference(alone, together.slice(0, b, b + 1)), kTolerance) << "sample " << b;
    }
    const at::Tensor order = at::tensor({2, 0, 1}, at::kLong);
    EXPECT_LT(
        difference(outputs(Sequence::of(sequence.frames.index_select(0, order))), together.index_select(0, order)),
        kTolerance);
}

TEST_P(RandomCircuits, AScheduleIsTheFramesItNames) {
    Sequence scheduled = sequence;
    scheduled.schedule = {2, 2, Sequence::kBlank, 0, 6};
    scheduled.blank_value = -0.2;
    EXPECT_LT(difference(outputs(scheduled), outputs(Sequence::of(scheduled.expanded()))), kTolerance);
}

TEST_P(RandomCircuits, TheFutureDoesNotInfluenceThePast) {
    Sequence other = sequence;
    other.frames = sequence.frames.clone();
    other.frames.slice(1, 4).mul_(-2);
    EXPECT_EQ(difference(outputs(other).slice(1, 0, 4), outputs(sequence).slice(1, 0, 4)), 0.0);
}

TEST_P(RandomCircuits, OneStepOfOneSampleRuns) {
    const at::Tensor out = outputs(Sequence::of(sequence.frames.slice(0, 0, 1).slice(1, 0, 1)));
    EXPECT_EQ(out.sizes(), (at::IntArrayRef{1, 1, 3}));
    EXPECT_LT(difference(out, outputs(sequence).slice(0, 0, 1).slice(1, 0, 1)), kTolerance);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomCircuits, testing::Range<std::uint64_t>(1, 31));

// ---- Gradients against finite differences, on a circuit without kinks ---------------------------------------------------

struct Smooth {
    Circuit circuit;
    std::vector<std::pair<std::string, at::Tensor>> parameters;
};

/// Two layers of tanh units with recurrence, skip, gain-modulating feedback and a trained time constant.
Smooth smooth_circuit() {
    dv::Random random(11, 0, 0, dv::Purpose::synthesize);
    Smooth out;
    const auto parameter = [&](const char* name, at::IntArrayRef shape, double scale) {
        out.parameters.emplace_back(name, noise(shape, random, scale).requires_grad_(true));
        return out.parameters.back().second;
    };
    Circuit& circuit = out.circuit;
    circuit.input = {2, 3, 3};
    const Operation smooth{Operation::Kind::map, "nonlin",
                           Custom{[](const at::Tensor& x) { return x.tanh(); }, nullptr, "tanh"}};
    for (const std::string name : {"A", "B"}) {
        using Kind = Operation::Kind;
        Layer layer;
        layer.name = name;
        layer.feedforward.first = {parameter("conv", {2, 2, 3, 3}, 0.4), parameter("bias", {2}, 0.2), 1, 1, 1};
        auto map = std::make_shared<Lateral>(dv::LinearMap{parameter("recurrent", {2, 2, 3, 3}, 0.3), {}, 1});
        layer.recurrence = RecurrentPath{.map = map, .lag = 2};
        layer.solver = std::make_shared<EulerStep>();
        layer.time = {2.0, 5.0, parameter("tau", {}, 0.0).detach().add_(5.0).requires_grad_(true)};
        out.parameters.back().second = layer.time.tau_tensor;
        for (const Kind kind : {Kind::layer, Kind::skip, Kind::feedback, Kind::step})
            layer.operations.push_back({kind, "", {}});
        layer.operations.push_back(smooth);
        layer.operations.push_back({Kind::delay, "delay", {}});
        layer.stored = layer.output = {2, 3, 3};
        circuit.layers.push_back(std::move(layer));
    }
    circuit.connections.push_back({Connection::Kind::skip,
                                   0,
                                   1,
                                   1,
                                   Integration::additive,
                                   Convolution{parameter("skip", {2, 2, 1, 1}, 0.5), {}},
                                   {2, 3, 3}});
    circuit.connections.push_back({Connection::Kind::feedback,
                                   1,
                                   0,
                                   1,
                                   Integration::multiplicative,
                                   Convolution{parameter("feedback", {2, 2, 1, 1}, 0.5), {}},
                                   {2, 3, 3}});
    circuit.readout = {[](const at::Tensor& x) { return x.mean({2, 3}); }, 2, "mean", 0, 0};
    validate(circuit);
    return out;
}

TEST(Gradients, AgreeWithFiniteDifferences) {
    const Smooth smooth = smooth_circuit();
    const Sequence sequence = random_sequence(smooth.circuit, 2, 5, 3);
    dv::Random random(12, 0, 0, dv::Purpose::synthesize);
    const at::Tensor weight = noise({2, 5, 2}, random);
    const auto loss = [&] {
        return run(smooth.circuit, sequence, initial_state(smooth.circuit)).outputs.mul(weight).sum();
    };
    loss().backward();
    constexpr double kStep = 1e-5;
    for (const auto& [name, parameter] : smooth.parameters) {
        const at::Tensor flat = parameter.detach().view({-1});
        const at::Tensor gradient = parameter.grad().view({-1});
        for (std::int64_t i = 0; i < flat.size(0); ++i) {
            at::Tensor element = flat[i];
            const double value = element.item<double>();
            element.fill_(value + kStep);
            const double above = loss().item<double>();
            element.fill_(value - kStep);
            const double below = loss().item<double>();
            element.fill_(value);
            const double expected = (above - below) / (2 * kStep);
            EXPECT_NEAR(gradient[i].item<double>(), expected, 1e-8 * std::max(1.0, std::abs(expected)))
                << name << " " << i;
        }
    }
}

}  // namespace

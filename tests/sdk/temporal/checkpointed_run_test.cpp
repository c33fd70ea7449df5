// Runs in segments whose activity is computed again for the gradient. That they agree with runs in one go on random circuits is for
// plans_test.cpp; here is what else they have to keep.

#include "stage_fixtures.hpp"

#include <dv/error.hpp>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

#include <gtest/gtest.h>

#include <array>
#include <memory>

namespace {

using namespace dv::temporal;
using namespace dv::temporal::fixtures;
using dv::Sequence;

constexpr std::int64_t kSteps = 9;

RunOptions in_segments(std::int64_t n, Plan plan = Plan::reference) {
    RunOptions options;
    options.plan = plan;
    options.checkpoint_segments = n;
    return options;
}

/// The gradients of Σ outputs² with respect to `of`.
std::vector<at::Tensor> gradients(const Trajectory& trajectory, const std::vector<at::Tensor>& of) {
    std::vector<at::Tensor> found =
        torch::autograd::grad({trajectory.outputs.pow(2).sum()}, of, {}, std::nullopt, false, /*allow_unused=*/true);
    for (std::size_t i = 0; i < of.size(); ++i) {
        if (!found[i].defined()) found[i] = at::zeros_like(of[i]);
    }
    return found;
}

void expect_equal(const std::vector<at::Tensor>& found, const std::vector<at::Tensor>& expected) {
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_LT(difference(found[i], expected[i]), 1e-10) << i;
}

class CheckpointedRun : public testing::TestWithParam<Plan> {
protected:
    RandomCircuit made = random_circuit(3);
    Sequence film = random_sequence(made.circuit, 2, kSteps, 3);

    Trajectory run_in(std::int64_t n_segments, const Sequence& sequence) const {
        return run(made.circuit, sequence, initial_state(made.circuit), in_segments(n_segments, GetParam()));
    }
};

TEST_P(CheckpointedRun, GivesFramesTheirGradient) {
    film.frames.requires_grad_(true);
    expect_equal(gradients(run_in(4, film), {film.frames}), gradients(run_in(0, film), {film.frames}));
}

TEST_P(CheckpointedRun, PassesTheGradientOnToTheRunBefore) {
    const auto both = [&](std::int64_t n_segments) {
        Trajectory first = run_in(n_segments, film);
        Trajectory second = run(made.circuit, film, first.state, in_segments(n_segments, GetParam()));
        return gradients(second, made.parameters);
    };
    expect_equal(both(3), both(0));
}

TEST_P(CheckpointedRun, PassesTheGradientOnThroughAWeightThatWasComputed) {
    Convolution& convolution = made.circuit.layers[0].feedforward.first;
    const at::Tensor raw = convolution.weight;
    const auto plain = made.circuit.readout.apply;
    made.circuit.readout.apply = [=](const at::Tensor& x) { return plain(x).mul(raw.cos().sum()); };  // and directly
    convolution.weight = raw.sin().mul(1.3);  // once, before the run, and used in every segment
    const std::vector<at::Tensor> found = gradients(run_in(4, film), {raw});
    convolution.weight = raw.sin().mul(1.3);
    expect_equal(found, gradients(run_in(0, film), {raw}));
}

TEST_P(CheckpointedRun, KeepsNothingThatIsComputedOnTheWay) {
    std::vector<c10::weak_intrusive_ptr<c10::TensorImpl>> computed;
    const auto n_alive = [&] {
        std::size_t n = 0;
        for (const auto& weak : computed) n += weak.expired() ? 0 : 1;
        return n;
    };
    const auto watched = [&](const at::Tensor& x) {
        const at::Tensor y = x.sin();  // kept for the product's gradient
        computed.emplace_back(y.getIntrusivePtr());
        return y.mul(x.cos());
    };
    for (Layer& layer : made.circuit.layers) {
        for (Operation& op : layer.operations) {
            if (op.map && std::holds_alternative<SupraLinear>(*op.map)) op.map = Custom{watched, {}, "sin x cos x"};
            if (op.map && std::holds_alternative<Relu>(*op.map)) op.map = Custom{watched, {}, "sin x cos x"};
        }
    }
    const Trajectory whole = run_in(0, film);
    ASSERT_FALSE(computed.empty());
    EXPECT_EQ(n_alive(), computed.size());
    computed.clear();
    const Trajectory cut = run_in(3, film);
    const std::size_t n_forward = computed.size();
    EXPECT_GT(n_alive(), 0);  // the last segment's, which the gradient begins with
    EXPECT_LT(n_alive(), n_forward);
    EXPECT_TRUE(computed.front().expired());
    const std::vector<at::Tensor> found = gradients(cut, made.parameters);
    EXPECT_GT(computed.size(), n_forward);  // all but the last segment once more
    EXPECT_LT(computed.size(), 2 * n_forward);
    expect_equal(found, gradients(whole, made.parameters));
}

TEST_P(CheckpointedRun, DrawsAgainWhatItDrewBefore) {
    made.circuit.layers[0].operations.push_back(
        {Operation::Kind::map, "noise", Custom{[](const at::Tensor& x) { return at::dropout(x, 0.5, true); }, {}, "dropout"}});
    const auto generator = at::detail::getDefaultCPUGenerator();
    const auto seeded = [&](const auto& run_it) {
        at::Generator(generator).set_current_seed(7);
        const Trajectory trajectory = run_it();
        const at::Tensor next = at::Generator(generator).get_state();
        const std::vector<at::Tensor> found = gradients(trajectory, made.parameters);
        EXPECT_TRUE(at::Generator(generator).get_state().equal(next));  // what draws next is not disturbed
        return found;
    };
    // The same segments one by one, each kept as a whole.
    const auto one_by_one = [&] {
        Trajectory all;
        State state = initial_state(made.circuit);
        for (std::int64_t i = 0; i < 3; ++i) {
            Sequence part = film;
            part.schedule = {film.schedule.begin() + 3 * i, film.schedule.begin() + 3 * (i + 1)};
            Trajectory trajectory = run(made.circuit, part, state, in_segments(0, GetParam()));
            all.outputs = all.outputs.defined() ? at::cat({all.outputs, trajectory.outputs}, 1) : trajectory.outputs;
            state = trajectory.state;
        }
        return all;
    };
    expect_equal(seeded([&] { return run_in(3, film); }), seeded(one_by_one));
}

TEST_P(CheckpointedRun, PutsTheCircuitsOwnDrawsBack) {
    for (Layer& layer : made.circuit.layers) layer.feedforward_lag = 0;  // the readout is asked at every step
    // Each call of the readout draws by its number.
    const auto n_calls = std::make_shared<std::int64_t>(0);
    const auto plain = made.circuit.readout.apply;
    made.circuit.readout.apply = [=](const at::Tensor& x) {
        return plain(x).mul(1.0 + 0.1 * static_cast<double>((*n_calls)++));
    };
    made.circuit.bookmark_draws = [=] { return [=, at = *n_calls] { *n_calls = at; }; };
    const auto scores_and_gradients = [&](std::int64_t n_segments) {
        *n_calls = 0;
        const Trajectory trajectory = run_in(n_segments, film);
        const std::int64_t after = *n_calls;
        std::vector<at::Tensor> found = gradients(trajectory, made.parameters);
        EXPECT_EQ(*n_calls, after);
        found.push_back(trajectory.outputs.detach());
        return found;
    };
    const std::vector<at::Tensor> found = scores_and_gradients(kSteps);  // a step each: one call per step in both plans
    made.circuit.readout.apply = plain;
    made.circuit.bookmark_draws = {};
    const Trajectory undisturbed = run_in(0, film);
    std::vector<at::Tensor> scaled;
    for (std::int64_t t = 0; t < kSteps; ++t) scaled.push_back(undisturbed.outputs.select(1, t).mul(1.0 + 0.1 * static_cast<double>(t)));
    Trajectory expected;
    expected.outputs = at::stack(scaled, 1);
    std::vector<at::Tensor> by_hand = gradients(expected, made.parameters);
    by_hand.push_back(expected.outputs.detach());
    expect_equal(found, by_hand);
}

TEST_P(CheckpointedRun, CanGoThroughAGraphThatIsKept) {
    const at::Tensor loss = run_in(3, film).outputs.pow(2).sum();
    const auto once = [&](bool keep) {
        return torch::autograd::grad({loss}, made.parameters, {}, keep, false, /*allow_unused=*/true);
    };
    const std::vector<at::Tensor> first = once(true), second = once(false);
    for (std::size_t i = 0; i < first.size(); ++i) {
        ASSERT_EQ(first[i].defined(), second[i].defined());
        EXPECT_TRUE(!first[i].defined() || first[i].equal(second[i]));
    }
    EXPECT_THROW(once(false), std::exception);
}

TEST_P(CheckpointedRun, RefusesWhatWouldBeWrongSilently) {
    const at::Tensor& weight = made.circuit.layers[0].feedforward.first.weight;
    const at::Tensor loss = run_in(3, film).outputs.pow(2).sum();
    const auto refusal = [&](bool second_derivative) -> std::string {
        try {
            torch::autograd::grad({loss}, {weight}, {}, true, second_derivative);
        } catch (const std::exception& error) {
            return error.what();
        }
        return "nothing was refused";
    };
    EXPECT_NE(refusal(true).find("first derivatives only"), std::string::npos) << refusal(true);
    {
        const at::NoGradGuard no_gradient;
        weight.mul_(0.5);
    }
    // By the last segment's own graph, or by a segment's node.
    const std::string text = refusal(false);
    EXPECT_TRUE(text.find("inplace") != std::string::npos || text.find("changed in place") != std::string::npos) << text;
}

TEST_P(CheckpointedRun, IsInOneGoWithoutAGradient) {
    const at::NoGradGuard no_gradient;
    EXPECT_TRUE(run_in(3, film).outputs.equal(run_in(0, film).outputs));
}

TEST_P(CheckpointedRun, ComputesInTheLowerTypeThatItComputedInBefore) {
    for (const at::Tensor& parameter : made.parameters) {
        const at::NoGradGuard no_gradient;
        parameter.set_data(parameter.detach().to(at::kFloat));
    }
    film.frames = film.frames.to(at::kFloat);
    const auto lowered = [&](std::int64_t n_segments) {
        at::autocast::set_autocast_enabled(at::kCPU, true);
        at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
        const Trajectory trajectory = run_in(n_segments, film);
        at::autocast::set_autocast_enabled(at::kCPU, false);
        at::autocast::clear_cache();
        return gradients(trajectory, made.parameters);
    };
    const std::vector<at::Tensor> found = lowered(3), expected = lowered(0);
    // Rounding to 8 bits leaves its mark wherever sums are cut.
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_LT(difference(found[i], expected[i]), 0.1) << i;
    EXPECT_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
    EXPECT_TRUE(at::autocast::is_autocast_cache_enabled());
}

INSTANTIATE_TEST_SUITE_P(BothPlans, CheckpointedRun, testing::Values(Plan::fast, Plan::reference));

/// Circuits that advance by stages: delays between steps, steps of the solver's own.
class CheckpointedStages : public testing::TestWithParam<int> {};

TEST_P(CheckpointedStages, GiveTheSameGradients) {
    const std::array solvers{heun(), rk4(), bosh3(1e-6, 1e-8), dopri5(1e-6, 1e-8)};
    Circuit circuit = rates(0.5, solvers.at(static_cast<std::size_t>(GetParam())),
                            {{.tau = 3.0, .weight = 0.7, .recurrent_weight = 0.5, .recurrent_delay = 0.7},
                             {.tau = 5.0, .weight = 1.1, .forward_delay = 0.0}},
                            {{.source = 1, .target = 0, .weight = -0.4, .delay = 1.3}});
    std::vector<at::Tensor> parameters;
    for (Layer& layer : circuit.layers) parameters.push_back(layer.feedforward.first.weight.requires_grad_(true));
    Sequence steps = numbers({1.0, 0.3});
    steps.schedule = {0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1};
    const auto found = [&](std::int64_t n_segments) {
        return gradients(run(circuit, steps, initial_state(circuit), in_segments(n_segments)), parameters);
    };
    expect_equal(found(5), found(0));
}

INSTANTIATE_TEST_SUITE_P(Methods, CheckpointedStages, testing::Range(0, 4));

}  // namespace

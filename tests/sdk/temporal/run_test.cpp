#include "fixtures.hpp"

#include <dv/error.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace {

using namespace dv::temporal;
using namespace dv::temporal::fixtures;
using dv::Sequence;
using testing::ElementsAre;
using testing::Pointwise;

constexpr auto kSkip = Connection::Kind::skip;
constexpr auto kFeedback = Connection::Kind::feedback;

MATCHER(IsClose, "") { return std::abs(std::get<0>(arg) - std::get<1>(arg)) < 1e-12; }
auto close_to(std::vector<double> expected) { return Pointwise(IsClose(), std::move(expected)); }

TEST(Run, FeedforwardIsTheProductOfTheWeights) {
    const Circuit circuit = units({{.name = "A", .weight = 2}, {.name = "B", .weight = -3}});
    EXPECT_THAT(answers(circuit, numbers({1, 0, 5})), ElementsAre(-6, 0, -30));
}

TEST(Run, RecurrenceReadsItsOwnPastAtTheLag) {
    EXPECT_THAT(answers(units({{.name = "A", .recurrent_weight = 10, .recurrent_lag = 1}}), numbers({1, 0, 0, 0})),
                ElementsAre(1, 10, 100, 1000));
    EXPECT_THAT(
        answers(units({{.name = "A", .recurrent_weight = 10, .recurrent_lag = 3}}), numbers({1, 2, 0, 0, 0, 0, 0})),
        ElementsAre(1, 2, 0, 10, 20, 0, 100));
}

TEST(Run, SkipReadsWhatItsSourceStoredInThisStep) {
    const auto with_lag = [](std::int64_t lag) {
        return units({{.name = "A"}, {.name = "B", .weight = 0}, {.name = "C", .weight = 1}}, {{kSkip, 0, 2, lag}});
    };
    EXPECT_THAT(answers(with_lag(0), numbers({1, 2, 3})), ElementsAre(1, 2, 3));
    EXPECT_THAT(answers(with_lag(1), numbers({1, 2, 3})), ElementsAre(0, 1, 2));
    EXPECT_THAT(answers(with_lag(2), numbers({1, 2, 3})), ElementsAre(0, 0, 1));
}

TEST(Run, FeedbackReadsWhatItsSourceStoredBefore) {
    const auto with_lag = [](std::int64_t lag) {
        return units({{.name = "A"}, {.name = "B", .weight = 2}}, {{kFeedback, 1, 0, lag}});
    };
    // A = in + B(t - lag), B = 2 A
    EXPECT_THAT(answers(with_lag(1), numbers({1, 0, 0, 0})), ElementsAre(2, 4, 8, 16));
    EXPECT_THAT(answers(with_lag(2), numbers({1, 0, 0, 0, 0})), ElementsAre(2, 0, 4, 0, 8));
}

TEST(Run, FeedforwardDelayHoldsBackTheNextLayerOnly) {
    const Circuit circuit = units({{.name = "A", .feedforward_lag = 2}, {.name = "B"}}, {{kSkip, 0, 1, 0, 100}});
    // B gets A(t-2) by the ordinary path and 100 A(t) by the skip.
    EXPECT_THAT(answers(circuit, numbers({1, 2, 3, 4})), ElementsAre(100, 200, 301, 402));
}

TEST(Run, MultiplicativeInputsAreAGain) {
    const Circuit circuit =
        units({{.name = "A"}, {.name = "B"}}, {{kFeedback, 1, 0, 1, 0.5, Integration::multiplicative}});
    const double second = 3 * (1 + std::tanh(0.5 * 2));
    EXPECT_THAT(answers(circuit, numbers({2, 3})), close_to({2, second}));
}

TEST(Run, EulerRelaxesTowardsItsDrive) {
    const Circuit circuit = units({{.name = "A", .dt_over_tau = 0.4}});
    EXPECT_THAT(answers(circuit, numbers({1, 1, 1, 1, 1, 1})), close_to({.4, .64, .784, .8704, .92224, .953344}));
    EXPECT_THAT(answers(circuit, numbers({1, 0, 0, 0})), close_to({.4, .4 * .6, .4 * .36, .4 * .216}));
}

TEST(Run, AStateWithoutDriveDecays) {
    // Behind a delay of two steps the drive is absent at first; the state that a skip brought decays, as if driven by zero.
    Circuit circuit = units({{.name = "A", .feedforward_lag = 3}, {.name = "B", .dt_over_tau = 0.5}});
    dv::temporal::State state = initial_state(circuit);
    state.layers[1].push(scalar_weight(8.0));
    const at::Tensor out = run(circuit, numbers({1, 1, 1, 1}), state).outputs.view({-1});
    EXPECT_EQ(out[0].item<double>(), 4.0);
    EXPECT_EQ(out[1].item<double>(), 2.0);
    EXPECT_EQ(out[2].item<double>(), 1.0);
    EXPECT_EQ(out[3].item<double>(), 1.0);
}

TEST(Run, AnAbsentInputAddsNotEvenItsBias) {
    Circuit circuit = units({{.name = "A"}, {.name = "B"}}, {{kSkip, 0, 1, 1}, {kFeedback, 1, 0, 2}});
    for (Connection& c : circuit.connections) c.transform->bias = scalar_weight(10.0).view({1});
    EXPECT_THAT(answers(circuit, numbers({0, 0, 0})), ElementsAre(0, 10, 20));
    // A zero that has arrived is not absent: the bias counts from the first step.
    Circuit present = units({{.name = "A"}, {.name = "B"}}, {{kSkip, 0, 1, 0}});
    present.connections[0].transform->bias = scalar_weight(10.0).view({1});
    EXPECT_THAT(answers(present, numbers({0, 0})), ElementsAre(10, 10));
}

TEST(Run, OutputsAreZeroUntilASignalArrives) {
    Circuit circuit = units({{.name = "A", .feedforward_lag = 2}});
    circuit.readout.apply = [](const at::Tensor& x) { return x.flatten(1).add(7); };
    EXPECT_THAT(answers(circuit, numbers({1, 2, 3})), ElementsAre(0, 0, 8));
}

TEST(Run, ARunInWhichNothingArrivesCanBeDifferentiated) {
    const Circuit circuit = units({{.name = "A", .feedforward_lag = 5}});
    run(circuit, numbers({1, 2}), initial_state(circuit)).outputs.sum().backward();
}

TEST(Run, OperationsActInTheirOrder) {
    Circuit circuit = units({{.name = "A", .weight = -1, .dt_over_tau = 0.5}});
    const Operation relu{Operation::Kind::map, "nonlin", Relu{}};
    auto& operations = circuit.layers[0].operations;
    operations.insert(operations.begin() + 1, relu);  // before the step: a negative drive becomes 0
    EXPECT_THAT(answers(circuit, numbers({-4, 4})), ElementsAre(2, 1));
    operations.erase(operations.begin() + 1);
    operations.insert(operations.end() - 2, relu);  // after the step: the leak starts from the rectified state
    EXPECT_THAT(answers(circuit, numbers({4, -4})), ElementsAre(0, 2));
}

TEST(Run, BlankStepsShowTheBlankValue) {
    Sequence sequence = numbers({5, 6});
    sequence.schedule = {1, Sequence::kBlank, 0};
    sequence.blank_value = -1;
    EXPECT_THAT(answers(units({{.name = "A"}}), sequence), ElementsAre(6, -1, 5));
}

TEST(Run, IdleStepsSetTheStateWithoutOutputOrGradient) {
    const Circuit circuit = units({{.name = "A", .recurrent_weight = 2, .recurrent_lag = 1}});
    Sequence sequence = numbers({1, 1});
    sequence.blank_value = 3;
    sequence.idle_timesteps = 2;  // stores 3, then 9
    EXPECT_THAT(answers(circuit, sequence), ElementsAre(19, 39));

    const at::Tensor weight = circuit.layers[0].feedforward.first.weight.requires_grad_(true);
    run(circuit, sequence, initial_state(circuit)).outputs.sum().backward();
    EXPECT_EQ(weight.grad().item<double>(), 1 + 1 + 2);  // d(19 + 39)/dw without what the idle steps contributed
}

TEST(Run, TruncationCutsTheGradientNotTheValues) {
    const Circuit circuit = units({{.name = "A", .recurrent_weight = 2, .recurrent_lag = 1}});
    const at::Tensor weight = circuit.layers[0].feedforward.first.weight.requires_grad_(true);
    const auto gradient_of_last = [&](std::int64_t segment) {
        weight.mutable_grad().reset();
        const auto out =
            run(circuit, numbers({1, 1, 1, 1}), initial_state(circuit), {.truncated_bptt_timesteps = segment});
        EXPECT_EQ(out.outputs.view({-1})[3].item<double>(), 15);
        out.outputs.select(1, 3).sum().backward();
        return weight.grad().item<double>();
    };
    EXPECT_EQ(gradient_of_last(0), 15);
    EXPECT_EQ(gradient_of_last(3), 1);
    EXPECT_EQ(gradient_of_last(2), 3);
    EXPECT_EQ(gradient_of_last(1), 1);
}

TEST(Run, RecordsResponsesOfPresentedSteps) {
    const Circuit circuit = units({{.name = "A", .weight = 2, .feedforward_lag = 1}, {.name = "B", .weight = 5}});
    KeepAll kept(2, 3);
    Sequence sequence = numbers({1, 2, 3});
    run(circuit, sequence, initial_state(circuit), {.recorder = &kept});
    EXPECT_EQ(kept.responses[0][0].item<double>(), 2);
    EXPECT_EQ(kept.responses[0][2].item<double>(), 6);
    EXPECT_FALSE(kept.responses[1][0].defined());
    EXPECT_EQ(kept.responses[1][2].item<double>(), 20);

    sequence.idle_timesteps = 2;
    run(circuit, sequence, initial_state(circuit), {.recorder = &kept});
    EXPECT_EQ(kept.responses[1][0].item<double>(), 0);  // the idle steps filled the delay, unrecorded
}

TEST(Run, AsksARecorderOnceForEachLayerAndStepBeforeTheFirst) {
    struct Picky final : Recorder {
        mutable int asked = 0, asked_late = 0;
        std::vector<std::pair<std::size_t, std::int64_t>> got;
        bool wants(std::size_t layer, std::int64_t t) const override {
            ++asked;
            if (!got.empty()) ++asked_late;
            return layer == 1 && t > 0;
        }
        void record(std::size_t layer, std::int64_t t, const at::Tensor&) override { got.emplace_back(layer, t); }
    } picky;
    const Circuit circuit = units({{.name = "A"}, {.name = "B"}});
    run(circuit, numbers({1, 2, 3}), initial_state(circuit), {.recorder = &picky});
    EXPECT_EQ(picky.asked, 6);
    EXPECT_EQ(picky.asked_late, 0);
    EXPECT_THAT(picky.got, ElementsAre(std::pair(1u, 1), std::pair(1u, 2)));
}

TEST(Run, ASourceIsResizedToTheNearestUnit) {
    // A is 1 x 6, B gets 1 x 4: position i takes floor(i · 6 / 4) = 0, 1, 3, 4.
    Circuit circuit = units({{.name = "A"}, {.name = "B"}}, {{kSkip, 0, 1, 0}});
    circuit.input = {1, 1, 6};
    circuit.layers[0].stored = circuit.layers[0].output = {1, 1, 6};
    circuit.layers[1].feedforward.first = {at::zeros({1, 1, 1, 3}, at::kDouble), {}, 1, 0, 1};
    circuit.layers[1].stored = circuit.layers[1].output = {1, 1, 4};
    circuit.connections[0].resized = {1, 1, 4};
    circuit.readout.n_classes = 4;
    validate(circuit);
    const Sequence sequence = Sequence::of(at::arange(6, at::kDouble).view({1, 1, 1, 1, 6}));
    EXPECT_THAT(answers(circuit, sequence), ElementsAre(0, 1, 3, 4));
}

TEST(Run, RefusesWhatDoesNotFitTheCircuit) {
    const Circuit circuit = units({{.name = "A", .recurrent_weight = 1, .recurrent_lag = 2}});
    const Sequence one = numbers({1});
    EXPECT_THROW(run(circuit, one, State{}), dv::Error);
    State shallow;
    shallow.layers.emplace_back(1);
    EXPECT_THROW(run(circuit, one, shallow), dv::Error);
    State of_three = initial_state(circuit);
    of_three.layers[0].push(at::zeros({3, 1, 1, 1}, at::kDouble));
    EXPECT_THROW(run(circuit, Sequence::of(at::zeros({2, 1, 1, 1, 1}, at::kDouble)), of_three), dv::Error);
    EXPECT_THROW(run(circuit, Sequence::of(at::zeros({1, 1, 2, 1, 1}, at::kDouble)), initial_state(circuit)),
                 dv::Error);
    Sequence wrong = one;
    wrong.schedule = {0, 1};
    EXPECT_THROW(run(circuit, wrong, initial_state(circuit)), dv::Error);
    wrong.schedule.clear();
    EXPECT_THROW(run(circuit, wrong, initial_state(circuit)), dv::Error);
}

}  // namespace

#include "fixtures.hpp"

#include <ATen/ops/zeros.h>

#include <gtest/gtest.h>

namespace {

using namespace dv::temporal;
using namespace dv::temporal::fixtures;

TEST(Describe, SaysEquationsDelaysAndCost) {
    Circuit circuit = units({{.name = "V1", .recurrent_weight = 1, .recurrent_lag = 3, .dt_over_tau = 0.5},
                             {.name = "V2", .feedforward_lag = 1}},
                            {{Connection::Kind::skip, 0, 1, 0}, {Connection::Kind::feedback, 1, 0, 15}});
    circuit.dt = 2.0;
    circuit.layers[0].operations.insert(circuit.layers[0].operations.end() - 2,
                                        {Operation::Kind::map, "nonlin", Relu{}});
    EXPECT_EQ(describe(circuit, 20), R"(input: 1 x 1 x 1, 20 steps of 2 ms
V1: 1 x 1 x 1
    x = conv1x1(in) + R h(t-3) + conv1x1(V2(t-15))
    r <- r + 0.500000 (x - r)    (before: r = h(t-1); dt/tau = 0.5)
    h = relu(r)
    out = h
    R h = W * h, 3 steps = 6 ms back
    feedback from V2: 15 steps = 30 ms back
    3 parameters, 3 multiply-adds per step
V2: 1 x 1 x 1
    h = conv1x1(in) + conv1x1(V1(t))
    out = h(t-1)
    skip from V1: 0 steps = 0 ms back
    feed-forward delay: 1 step = 2 ms
    2 parameters, 2 multiply-adds per step
readout: the unit
all: 5 parameters, 5 multiply-adds per step, 100 per sequence and sample
)");
}

TEST(Describe, TellsDelaysWhereAllLayersAdvanceTogether) {
    Circuit circuit = units({{.name = "A", .recurrent_weight = 1, .recurrent_lag = 1, .feedforward_lag = 1},
                             {.name = "B", .recurrent_weight = 1, .recurrent_lag = 3}});
    circuit.dt = 2.0;
    circuit.update_order = UpdateOrder::synchronous;
    const std::string text = describe(circuit, 1);
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "R h(t-1)\n    out = h(t-1)\n    R h = W * h\n    2 parameters", text);
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "R h(t-3)\n    out = h\n    R h = W * h, 4 ms back\n", text);
    circuit.interpolation = HistoryInterpolation::linear;  // advances by stages
    const std::string between = describe(circuit, 1);
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "R h(t)\n    out = h(t)\n    R h = W * h\n    2 parameters", between);
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "R h(t - 4 ms)\n    out = h\n    R h = W * h, 4 ms back\n", between);
}

TEST(Describe, ShowsTwoStageLayersAndTargets) {
    Circuit circuit = units({{.name = "V1", .recurrent_weight = 1, .recurrent_lag = 1}});
    circuit.layers[0].feedforward.second = Convolution{scalar_weight(1), {}};
    circuit.layers[0].recurrence->target = RecurrenceTarget::middle;
    circuit.layers[0].recurrence->integration = Integration::multiplicative;
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "h = conv1x1((relu(conv1x1(in))) (1 + tanh(R h(t-1))))",
                        describe(circuit, 1));
}

}  // namespace

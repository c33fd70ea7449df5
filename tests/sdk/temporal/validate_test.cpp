#include "fixtures.hpp"

#include <dv/error.hpp>

#include <ATen/ops/zeros.h>

#include <gtest/gtest.h>

namespace {

using namespace dv::temporal;
using namespace dv::temporal::fixtures;

constexpr auto kSkip = Connection::Kind::skip;

Circuit sound() {
    return units({{.name = "V1", .recurrent_weight = 1, .dt_over_tau = 0.4}, {.name = "V2", .feedforward_lag = 1}},
                 {{kSkip, 0, 1, 0}});
}

/// Breaks a sound circuit and gives what validate() says of it.
template <class Break>
std::string complaint(Break&& break_it) {
    Circuit circuit = sound();
    break_it(circuit);
    try {
        validate(circuit);
    } catch (const dv::Error& error) {
        return error.what();
    }
    return "nothing";
}

void remove(Layer& layer, Operation::Kind kind) {
    std::erase_if(layer.operations, [&](const auto& op) { return op.kind == kind; });
}

#define EXPECT_COMPLAINT(part, ...)                                                                                    \
    EXPECT_PRED_FORMAT2(testing::IsSubstring, part, complaint([](Circuit& c) { __VA_ARGS__; }))

TEST(Validate, AcceptsASoundCircuit) { EXPECT_NO_THROW(validate(sound())); }

TEST(Validate, NamesTheLayerAndTheFault) {
    EXPECT_COMPLAINT("at least one layer", c.layers.clear());
    EXPECT_COMPLAINT("readout", c.readout.apply = nullptr);
    EXPECT_COMPLAINT("dt", c.dt = 0);
    EXPECT_COMPLAINT("two layers are named 'V1'", c.layers[1].name = "V1");
    EXPECT_COMPLAINT("layer 1 has no name", c.layers[1].name.clear());
    EXPECT_COMPLAINT("layer V1: a recurrent lag is at least 1", c.layers[0].recurrence->lag = 0);
    EXPECT_COMPLAINT("layer V2: a feed-forward lag", c.layers[1].feedforward_lag = -1);
    EXPECT_COMPLAINT("layer V1: has a step, but no solver", c.layers[0].solver = nullptr);
    EXPECT_COMPLAINT("layer V1: has a solver, but no step", remove(c.layers[0], Operation::Kind::step));
    EXPECT_COMPLAINT("layer V1: reads its own past", remove(c.layers[0], Operation::Kind::delay));
    EXPECT_COMPLAINT("layer V1: has a recurrence, which joins the input path",
                     remove(c.layers[0], Operation::Kind::layer));
    EXPECT_COMPLAINT("more than once", c.layers[0].operations.push_back(c.layers[0].operations.front()));
    EXPECT_COMPLAINT("second convolution", c.layers[0].recurrence->target = RecurrenceTarget::middle);
    EXPECT_COMPLAINT("tau", c.layers[0].time.tau = 0);
    EXPECT_COMPLAINT("has no map", c.layers[0].operations.push_back({Operation::Kind::map, "nonlin", {}}));
}

TEST(Validate, ComparesGrids) {
    EXPECT_COMPLAINT("layer V1", c.input = {2, 1, 1});
    EXPECT_COMPLAINT("stored activity is 2 x 1 x 1", c.layers[1].stored = {2, 1, 1});
    EXPECT_COMPLAINT("output is said to be 1 x 2 x 2", c.layers[1].output = {1, 2, 2});
    EXPECT_COMPLAINT("has to map 1 to 1", c.layers[0].recurrence->map = std::make_shared<Lateral>(
                                              dv::LinearMap{at::zeros({2, 1, 1, 1}, at::kDouble), {}, 1}));
}

TEST(Validate, NamesBothEndsOfAConnection) {
    EXPECT_COMPLAINT("skip from V1 to V2", c.connections[0].lag = -1);
    EXPECT_COMPLAINT("skip from V2 to V1: a lag of 0 steps",
                     std::swap(c.connections[0].source, c.connections[0].target));
    EXPECT_COMPLAINT("only 2 layers", c.connections[0].source = 7);
    EXPECT_COMPLAINT("through its recurrence", c.connections[0].source = 1);
    EXPECT_COMPLAINT("V2 has no 'skip' operation", remove(c.layers[1], Operation::Kind::skip));
    EXPECT_COMPLAINT("is resized to 1 x 3 x 3", c.connections[0].resized = {1, 3, 3});
    EXPECT_COMPLAINT("brings 2 x 1 x 1 where 1 x 1 x 1",
                     c.connections[0].transform->weight = at::zeros({2, 1, 1, 1}, at::kDouble));
    EXPECT_COMPLAINT("stores nothing", c.layers[0].recurrence.reset(); c.layers[0].solver.reset();
                     remove(c.layers[0], Operation::Kind::step); remove(c.layers[0], Operation::Kind::delay));
}

}  // namespace

#include "fixtures.hpp"

#include <dv/error.hpp>

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <gtest/gtest.h>

namespace {

using namespace dv::temporal;
using namespace dv::temporal::fixtures;

at::Tensor row(const std::vector<double>& values) { return at::tensor(values, at::kDouble).view({1, 1, 1, -1}); }

Convolution convolution(std::int64_t out, std::int64_t in, std::int64_t k, std::int64_t stride, std::int64_t padding) {
    return {at::zeros({out, in, k, k}, at::kDouble), {}, stride, padding, 1};
}

// DynVision's SupraLinearity with n = 1.5, k = 0.8.
TEST(SupraLinear, HasTheReferenceValues) {
    const at::Tensor y = applied(SupraLinear{0.8, 1.5}, row({-2, 0.5, -0.5, 1e-8, 0, 1e9}));
    const at::Tensor expected = row({-2.2627418, 0.28284273, -0.28284273, 8.0e-10, 0, 0.8e9});
    EXPECT_LT(y.sub(expected).abs().div(expected.abs().clamp_min(1e-12)).max().item<double>(), 1e-7);
}

TEST(SupraLinear, HasNoGradientWhereItIsFlat) {
    const at::Tensor x = row({1e-8, 4.0, 1e7}).requires_grad_(true);
    applied(SupraLinear{0.8, 1.5}, x).sum().backward();
    EXPECT_EQ(x.grad()[0][0][0][0].item<double>(), 0.0);
    EXPECT_NEAR(x.grad()[0][0][0][1].item<double>(), 0.8 * 1.5 * 2.0, 1e-12);
    EXPECT_EQ(x.grad()[0][0][0][2].item<double>(), 0.0);
}

TEST(GridAfter, FollowsTheWindow) {
    EXPECT_EQ(grid_after(convolution(8, 3, 3, 1, 1), {3, 28, 28}), (Grid{8, 28, 28}));
    EXPECT_EQ(grid_after(convolution(8, 3, 3, 2, 1), {3, 7, 8}), (Grid{8, 4, 4}));
    EXPECT_EQ(grid_after(Pool{Pool::Kind::max, 3, 2, 1}, {8, 28, 15}), (Grid{8, 14, 8}));
    EXPECT_EQ(grid_after(Relu{}, {8, 2, 3}), (Grid{8, 2, 3}));
    EXPECT_EQ(grid_after(Custom{nullptr,
                                [](const Grid& g) {
                                    return Grid{1, g.height, g.width};
                                },
                                ""},
                         {8, 2, 3}),
              (Grid{1, 2, 3}));
}

TEST(GridAfter, IsTheGridThatApplyGives) {
    for (const Map& map : {Map(convolution(4, 2, 5, 2, 1)), Map(Pool{Pool::Kind::average, 2, 2, 0}),
                           Map(Pool{Pool::Kind::max, 3, 1, 1})}) {
        const Grid grid = grid_after(map, {2, 9, 6});
        EXPECT_EQ(applied(map, at::zeros({1, 2, 9, 6}, at::kDouble)).sizes(),
                  (at::IntArrayRef{1, grid.channels, grid.height, grid.width}));
    }
}

TEST(GridAfter, RefusesWhatLeavesNothing) {
    try {
        grid_after(convolution(1, 1, 5, 1, 0), {1, 3, 3});
        FAIL() << "a kernel larger than the grid was accepted";
    } catch (const dv::Error& error) {
        EXPECT_NE(std::string(error.what()).find("kernel 5 on 3 x 3"), std::string::npos) << error.what();
    }
    EXPECT_THROW(grid_after(convolution(1, 3, 3, 1, 1), {4, 8, 8}), dv::Error);
    EXPECT_THROW(grid_after(Pool{Pool::Kind::max, 3, 2, 2}, {1, 8, 8}), dv::Error);
    EXPECT_THROW(grid_after(Pool{Pool::Kind::max, 3, 0, 0}, {1, 8, 8}), dv::Error);
}

TEST(MultiplyAdds, CountTheConvolutions) {
    EXPECT_EQ(multiply_adds(convolution(8, 3, 3, 1, 1), {3, 10, 10}), 8 * 100 * 27);
    EXPECT_EQ(multiply_adds(Pool{}, {3, 10, 10}), 0);
}

TEST(Circuit, KeepsAsMuchHistoryAsIsRead) {
    constexpr auto skip = Connection::Kind::skip, feedback = Connection::Kind::feedback;
    EXPECT_EQ(units({{.name = "A"}}).history_length(0), 0);
    EXPECT_EQ(units({{.name = "A", .dt_over_tau = 0.5}}).history_length(0), 1);
    EXPECT_EQ(units({{.name = "A", .recurrent_weight = 1, .recurrent_lag = 3}}).history_length(0), 3);
    EXPECT_EQ(units({{.name = "A", .feedforward_lag = 2}}).history_length(0), 2);
    // A skip reads after the source stored: the current entry counts too.
    EXPECT_EQ(units({{.name = "A"}, {.name = "B"}}, {{skip, 0, 1, 2}}).history_length(0), 3);
    EXPECT_EQ(units({{.name = "A"}, {.name = "B"}}, {{feedback, 1, 0, 2}}).history_length(1), 2);
}

TEST(Circuit, ResidualTimestepsAreTheFeedforwardDelays) {
    const auto chain = [](std::int64_t lag) {
        return units(
            {{.name = "V1", .recurrent_weight = 1, .recurrent_lag = 3, .feedforward_lag = lag, .dt_over_tau = 0.4},
             {.name = "V2", .recurrent_weight = 1, .recurrent_lag = 3, .feedforward_lag = lag, .dt_over_tau = 0.4},
             {.name = "V4", .recurrent_weight = 1, .recurrent_lag = 3, .feedforward_lag = lag, .dt_over_tau = 0.4},
             {.name = "IT", .recurrent_weight = 1, .recurrent_lag = 3, .feedforward_lag = lag, .dt_over_tau = 0.4}});
    };
    for (const auto& [lag, residual] : {std::pair{0, 0}, {1, 4}, {2, 8}, {4, 16}, {5, 20}}) {
        EXPECT_EQ(chain(lag).residual_timesteps(), residual);
        const Circuit circuit = chain(lag);
        const std::vector<double> out = answers(circuit, numbers(std::vector<double>(25, 1.0)));
        for (int t = 0; t < 25; ++t)
            EXPECT_EQ(out.at(static_cast<std::size_t>(t)) == 0.0, t < residual) << lag << " " << t;
    }
    EXPECT_THROW(chain(26).residual_timesteps(), dv::Error);
}

TEST(Circuit, ResidualTimestepsLeaveSkipsOut) {
    const Circuit circuit = units({{.name = "A", .feedforward_lag = 2}, {.name = "B", .feedforward_lag = 1}},
                                  {{Connection::Kind::skip, 0, 1, 0}});
    EXPECT_EQ(circuit.residual_timesteps(), 3);
}

}  // namespace

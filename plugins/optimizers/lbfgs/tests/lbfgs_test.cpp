#include "tests/optimizer_fixture.hpp"

#include <ATen/ops/cat.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

using namespace dv::optimizers::testing;
using dv::NamedTensor;
using dv::testing::Config;

struct Golden {
    const char* parameters;                    ///< TOML
    std::vector<std::vector<double>> weights;  ///< after each step
    std::int64_t func_evals, n_iter, n_history;
};
const std::vector<Golden> kGoldens{
#include "goldens/lbfgs.inc"
};

/// Four numbers in two parameters, and Rosenbrock's function of them (Rosenbrock 1960).
struct Valley {
    std::vector<NamedTensor> parameters;
    int n_evaluations = 0;

    explicit Valley(at::ScalarType dtype = at::kDouble) {
        const at::TensorOptions options(dtype);
        parameters = {{"a", at::tensor({-1.2, 1.0}, options).set_requires_grad(true)},
                      {"b", at::tensor({0.5, -0.3}, options).set_requires_grad(true)}};
    }
    at::Tensor value() const {
        const at::Tensor w = at::cat({parameters[0].tensor, parameters[1].tensor});
        const at::Tensor left = w.slice(0, 0, 3), right = w.slice(0, 1, 4);
        return right.sub(left.square()).square().mul(100.0).add(left.neg().add(1.0).square()).sum();
    }
    dv::Optimizer::Closure closure(dv::Optimizer& optimizer) {
        return [this, &optimizer] {
            ++n_evaluations;
            optimizer.zero_grad();
            at::Tensor loss = value();
            loss.backward();
            return loss;
        };
    }
    std::vector<double> weights() const {
        std::vector<double> out = numbers(parameters[0].tensor);
        for (const double v : numbers(parameters[1].tensor)) out.push_back(v);
        return out;
    }
    void take(const Valley& other) {
        for (std::size_t i = 0; i < parameters.size(); ++i)
            parameters[i].tensor.detach().copy_(other.parameters[i].tensor.detach());
    }
};

at::Tensor state_of(const dv::Optimizer& optimizer, const std::string& key) {
    for (const dv::OptimizerState& s : optimizer.state()) {
        if (s.key == key) return s.tensor;
    }
    return {};
}

TEST(Lbfgs, FollowsPyTorch) {
    for (const Golden& golden : kGoldens) {
        SCOPED_TRACE(golden.parameters);
        const auto optimizer = make(Config::parse(golden.parameters));
        Valley valley;
        optimizer->build(valley.parameters);
        for (std::size_t i = 0; i < golden.weights.size(); ++i) {
            optimizer->step_with(valley.closure(*optimizer));
            // Rounding grows with every iteration in so narrow a valley.
            EXPECT_LT(largest_distance(valley.weights(), golden.weights[i]), 1e-8) << "after step " << i;
        }
        EXPECT_EQ(state_of(*optimizer, "func_evals").item<std::int64_t>(), golden.func_evals);
        EXPECT_EQ(valley.n_evaluations, golden.func_evals);
        EXPECT_EQ(state_of(*optimizer, "n_iter").item<std::int64_t>(), golden.n_iter);
        EXPECT_EQ(state_of(*optimizer, "old_dirs").size(0), golden.n_history);
    }
}

// A quadratic in n dimensions is solved in n + 1 iterations when each goes as far as it should.
TEST(Lbfgs, SolvesAQuadraticInAsManyIterationsAsItHasDimensions) {
    const auto optimizer = make(
        {{"line_search_fn", "strong_wolfe"}, {"max_iter", 30}, {"tolerance_grad", 1e-12}, {"tolerance_change", 1e-14}});
    const at::Tensor scales = at::tensor({1.0, 10.0, 100.0}, at::TensorOptions(at::kDouble));
    const NamedTensor w{"w", at::tensor({3.0, -2.0, 1.0}, at::TensorOptions(at::kDouble)).set_requires_grad(true)};
    optimizer->build(std::vector{w});
    optimizer->step_with([&] {
        optimizer->zero_grad();
        at::Tensor loss = w.tensor.square().mul(scales).sum();
        loss.backward();
        return loss;
    });
    EXPECT_LT(largest_distance(numbers(w.tensor), {0.0, 0.0, 0.0}), 1e-6);
    EXPECT_LE(state_of(*optimizer, "n_iter").item<std::int64_t>(), 20);
}

TEST(Lbfgs, GoesOnFromItsStateBitForBit) {
    for (const at::ScalarType dtype : {at::kDouble, at::kFloat}) {
        for (const char* search : {"none", "strong_wolfe"}) {
            const Config config{{"lr", 0.02}, {"max_iter", 3}, {"history_size", 4}, {"line_search_fn", search}};
            const auto optimizer = make(config), fresh = make(config);
            Valley valley(dtype), copy(dtype);
            optimizer->build(valley.parameters);
            for (int i = 0; i < 3; ++i) optimizer->step_with(valley.closure(*optimizer));
            copy.take(valley);
            fresh->build(copy.parameters);
            fresh->load_state(optimizer->state());
            for (int i = 0; i < 3; ++i) {
                optimizer->step_with(valley.closure(*optimizer));
                fresh->step_with(copy.closure(*fresh));
                ASSERT_EQ(copy.weights(), valley.weights()) << search << ", step " << i;
            }
        }
    }
}

TEST(Lbfgs, KeepsItsStateAtTheFirstParameterUnderPyTorchsKeys) {
    const auto optimizer = make({{"lr", 0.02}, {"max_iter", 4}});
    Valley valley;
    optimizer->build(valley.parameters);
    EXPECT_TRUE(optimizer->state().empty());
    optimizer->step_with(valley.closure(*optimizer));
    EXPECT_EQ(state_keys(*optimizer),
              (std::vector<std::string>{"0.func_evals", "0.n_iter", "0.d", "0.t", "0.old_dirs", "0.old_stps", "0.ro",
                                        "0.H_diag", "0.prev_flat_grad", "0.prev_loss"}));
    EXPECT_EQ(state_of(*optimizer, "old_dirs").sizes(), (std::vector<std::int64_t>{3, 4}));
}

TEST(Lbfgs, IsNotSteppedWithoutAClosure) {
    const auto optimizer = make();
    Valley valley;
    optimizer->build(valley.parameters);
    EXPECT_TRUE(optimizer->needs_closure());
    EXPECT_NE(refusal([&] { optimizer->step(); }).find("needs a closure"), std::string::npos);
}

TEST(Lbfgs, RefusesStateOfAnotherModel) {
    const auto optimizer = make({{"lr", 0.02}});
    Valley valley;
    optimizer->build(valley.parameters);
    optimizer->step_with(valley.closure(*optimizer));
    std::vector<dv::OptimizerState> states = optimizer->state();
    states[2].tensor = at::tensor({1.0, 2.0});
    std::string text = refusal([&] { optimizer->load_state(states); });
    EXPECT_NE(text.find("the saved 'd' of lbfgs has shape [2], but [4] is needed"), std::string::npos) << text;
    states.erase(states.begin() + 2);
    text = refusal([&] { optimizer->load_state(states); });
    EXPECT_NE(text.find("lacks 'd'"), std::string::npos) << text;
}

// A closure that fails is the model's failure, and leaves the optimizer usable.
TEST(Lbfgs, PassesOnAFailureOfTheLoss) {
    const auto optimizer = make({{"lr", 0.02}});
    Valley valley;
    optimizer->build(valley.parameters);
    const std::string text =
        refusal([&] { optimizer->step_with([]() -> at::Tensor { throw dv::Error("no batch"); }); });
    EXPECT_NE(text.find("no batch"), std::string::npos) << text;
    optimizer->step_with(valley.closure(*optimizer));
    EXPECT_GT(valley.n_evaluations, 1);
}

}  // namespace

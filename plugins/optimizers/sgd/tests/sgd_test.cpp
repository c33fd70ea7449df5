#include "tests/golden.hpp"
#include "tests/optimizer_fixture.hpp"

#include <gtest/gtest.h>

namespace {

using namespace dv::optimizers::testing;
using dv::NamedTensor;
using dv::testing::Config;

std::shared_ptr<dv::Optimizer> sgd(const Config& config = {}) {
    dv::testing::Plugin plugin(DV_PLUGIN_UNDER_TEST);
    return plugin.make<dv::Optimizer>("sgd", config);
}

/// The weight after each of these gradients, from 2.
std::vector<double> path(const Config& config, const std::vector<double>& gradients) {
    const auto optimizer = sgd(config);
    const NamedTensor w = scalar_parameter(2.0);
    optimizer->build(std::vector{w});
    std::vector<double> weights;
    for (const double g : gradients) {
        set_gradient(w.tensor, at::tensor({g}, at::TensorOptions(at::kDouble)));
        optimizer->step();
        weights.push_back(number(w.tensor));
    }
    return weights;
}

/// SGD as PyTorch documents it (torch.optim.SGD), one number at a time in double.
struct ReferenceSgd {
    double lr = 1e-3, momentum = 0.0, dampening = 0.0, weight_decay = 0.0;
    bool nesterov = false, maximize = false;
    std::vector<double> buffer = {};

    void step(std::vector<double>& theta, const std::vector<double>& gradient) {
        const bool is_first = buffer.empty();
        buffer.resize(theta.size());
        for (std::size_t i = 0; i < theta.size(); ++i) {
            double g = (maximize ? -gradient[i] : gradient[i]) + weight_decay * theta[i];
            if (momentum != 0.0) {
                buffer[i] = is_first ? g : momentum * buffer[i] + (1 - dampening) * g;
                g = nesterov ? g + momentum * buffer[i] : buffer[i];
            }
            theta[i] -= lr * g;
        }
    }
};

double distance_from_reference(const Config& config, const ReferenceSgd& rule, at::ScalarType dtype) {
    const auto optimizer = sgd(config);
    const std::vector<NamedTensor> parameters = network(dtype);
    optimizer->build(parameters);
    std::vector<std::vector<double>> expected;
    for (const NamedTensor& p : parameters) expected.push_back(numbers(p.tensor));
    std::vector<ReferenceSgd> rules(parameters.size(), rule);

    double largest = 0.0;
    for (int step = 0; step < 50; ++step) {
        set_gradients(parameters, step);
        optimizer->step();
        for (std::size_t i = 0; i < parameters.size(); ++i) {
            rules[i].step(expected[i], numbers(parameters[i].tensor.grad()));
            largest = std::max(largest, largest_distance(numbers(parameters[i].tensor), expected[i]));
        }
    }
    return largest;
}

const std::vector<Golden> kGoldens{
#include "goldens/sgd.inc"
};

TEST(SgdGoldens, FollowsPyTorchAndGoesOnFromItsState) {
    for (const Golden& golden : kGoldens) expect_follows(golden);
}

TEST(Sgd, GoesDownTheGradient) {
    const std::vector<double> weights = path({{"lr", 0.1}}, {0.5, -1.0});
    EXPECT_DOUBLE_EQ(weights[0], 1.95);
    EXPECT_DOUBLE_EQ(weights[1], 2.05);
}

// b: 0.5, then 0.9 · 0.5 + 1 = 1.45.
TEST(Sgd, MomentumKeepsTheDirection) {
    const std::vector<double> weights = path({{"lr", 0.1}, {"momentum", 0.9}}, {0.5, 1.0});
    EXPECT_DOUBLE_EQ(weights[0], 1.95);
    EXPECT_DOUBLE_EQ(weights[1], 1.95 - 0.145);
}

// Dampening spares the first step, as in PyTorch: b is 0.5, then 0.9 · 0.5 + 0.6 · 1 = 1.05.
TEST(Sgd, DampeningBeginsWithTheSecondStep) {
    const std::vector<double> weights = path({{"lr", 0.1}, {"momentum", 0.9}, {"dampening", 0.4}}, {0.5, 1.0});
    EXPECT_DOUBLE_EQ(weights[0], 1.95);
    EXPECT_DOUBLE_EQ(weights[1], 1.95 - 0.105);
}

TEST(Sgd, WeightDecayIsPartOfTheGradient) {
    EXPECT_DOUBLE_EQ(path({{"lr", 0.1}, {"weight_decay", 0.5}}, {0.0})[0], 1.9);
}

TEST(Sgd, FollowsPyTorchsRule) {
    for (const at::ScalarType dtype : {at::kDouble, at::kFloat}) {
        const double tolerated = tolerance(dtype, 50);
        EXPECT_LT(distance_from_reference({}, {}, dtype), tolerated);
        EXPECT_LT(distance_from_reference({{"lr", 0.01}, {"momentum", 0.9}, {"dampening", 0.1}, {"weight_decay", 0.1}},
                                          {.lr = 0.01, .momentum = 0.9, .dampening = 0.1, .weight_decay = 0.1}, dtype),
                  tolerated);
        EXPECT_LT(distance_from_reference({{"lr", 0.01}, {"momentum", 0.9}, {"nesterov", true}, {"maximize", true}},
                                          {.lr = 0.01, .momentum = 0.9, .nesterov = true, .maximize = true}, dtype),
                  tolerated);
    }
}

// A parameter whose first gradient comes late starts its own momentum then.
TEST(Sgd, StartsMomentumWithAParametersFirstGradient) {
    const auto optimizer = sgd({{"lr", 0.1}, {"momentum", 0.9}});
    const std::vector<NamedTensor> parameters = network();
    optimizer->build(parameters);
    set_gradients({parameters[0]}, 0);
    optimizer->step();
    EXPECT_EQ(state_keys(*optimizer), std::vector<std::string>{"0.momentum_buffer"});

    set_gradients(parameters, 1);
    optimizer->step();
    EXPECT_EQ(state_keys(*optimizer).size(), 4u);
    EXPECT_EQ(numbers(optimizer->state()[3].tensor), numbers(parameters[3].tensor.grad()));
}

TEST(Sgd, HasNoStateWithoutMomentum) {
    const auto optimizer = sgd();
    const std::vector<NamedTensor> parameters = network();
    optimizer->build(parameters);
    set_gradients(parameters, 0);
    optimizer->step();
    EXPECT_TRUE(optimizer->state().empty());
}

TEST(Sgd, GoesOnFromItsStateBitForBit) {
    const Config config{{"lr", 0.01}, {"momentum", 0.9}};
    EXPECT_EQ(first_difference_after_reload(*sgd(config), *sgd(config), 5), "");
}

TEST(Sgd, ListsItsOptionsAsPyTorchDoes) {
    const auto optimizer = sgd({{"momentum", 0.9}, {"nesterov", true}});
    optimizer->build(network());
    std::vector<std::string> keys;
    for (const dv::GroupOption& o : optimizer->options(0)) keys.push_back(o.key);
    EXPECT_EQ(keys, (std::vector<std::string>{"lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize",
                                              "differentiable", "fused"}));
    EXPECT_EQ(optimizer->options(0)[1].values, std::vector<double>{0.9});
    EXPECT_TRUE(optimizer->options(0)[4].is_flag);
}

TEST(Sgd, RefusesNesterovWithoutMomentum) {
    const std::string text = refusal([] { sgd({{"nesterov", true}}); });
    EXPECT_NE(text.find("'nesterov' needs a momentum above 0"), std::string::npos) << text;
    EXPECT_NE(refusal([] { sgd({{"nesterov", true}, {"momentum", 0.9}, {"dampening", 0.1}}); }), "");
    EXPECT_EQ(refusal([] { sgd({{"nesterov", true}, {"momentum", 0.9}}); }), "");
}

// What is refused in saved state, and that a refusal changes nothing.
TEST(OptimizerState, ThatDoesNotFitIsRefused) {
    const auto optimizer = sgd({{"lr", 0.1}, {"momentum", 0.9}});
    const std::vector<NamedTensor> parameters = network();
    optimizer->build(parameters);
    set_gradients(parameters, 0);
    optimizer->step();
    const std::vector<dv::OptimizerState> good = optimizer->state();
    const auto refused = [&](const dv::OptimizerState& bad) {
        std::vector<dv::OptimizerState> states = good;
        states[0].tensor = states[0].tensor.mul(2.0);
        states[1] = bad;
        return refusal([&] { optimizer->load_state(states); });
    };
    const std::string shape = refused({1, "momentum_buffer", at::empty({5})});
    EXPECT_NE(shape.find("'momentum_buffer' of parameter 'V1.conv.bias' has shape [5], but [4] is needed"),
              std::string::npos)
        << shape;
    const std::string key = refused({1, "exp_avg", at::empty({4})});
    EXPECT_NE(key.find("holds 'exp_avg', but this optimizer, as it is configured, keeps 'momentum_buffer'"),
              std::string::npos)
        << key;
    const std::string index = refused({7, "momentum_buffer", at::empty({4})});
    EXPECT_NE(index.find("speaks of parameter 7, but there are 4"), std::string::npos) << index;
    EXPECT_TRUE(optimizer->state()[0].tensor.equal(good[0].tensor));
}

}  // namespace

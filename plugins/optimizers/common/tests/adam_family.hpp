#pragma once
/// What Adam and AdamW have in common, tested on each.

#include "tests/optimizer_fixture.hpp"
#include "tests/reference_adam.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <string>

namespace dv::optimizers::testing {

using dv::testing::Config;

struct AdamVariant {
    std::string name;
    bool decoupled;
    double weight_decay;  ///< by default

    friend std::ostream& operator<<(std::ostream& out, const AdamVariant& variant) { return out << variant.name; }
};

struct AdamFamily : ::testing::TestWithParam<AdamVariant> {
    static std::shared_ptr<Optimizer> make(const Config& config = {}) {
        dv::testing::Plugin plugin(DV_PLUGIN_UNDER_TEST);
        return plugin.make<Optimizer>(GetParam().name, config);
    }
    static ReferenceAdam rule(ReferenceAdam with) {
        with.decoupled = GetParam().decoupled;
        return with;
    }
    /// Largest distance over all parameters and 50 steps of random gradients.
    static double distance_from_reference(const Config& config, const ReferenceAdam& rule, at::ScalarType dtype) {
        const auto optimizer = make(config);
        const std::vector<NamedTensor> parameters = network(dtype);
        optimizer->build(parameters);
        std::vector<std::vector<double>> expected;
        for (const NamedTensor& p : parameters) expected.push_back(numbers(p.tensor));
        std::vector<ReferenceAdam> rules(parameters.size(), rule);

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
};

TEST_P(AdamFamily, FollowsPyTorchsRule) {
    EXPECT_LT(distance_from_reference({}, rule({.weight_decay = GetParam().weight_decay}), at::kDouble),
              tolerance(at::kDouble, 50));
    EXPECT_LT(distance_from_reference({}, rule({.weight_decay = GetParam().weight_decay}), at::kFloat),
              tolerance(at::kFloat, 50));
}

TEST_P(AdamFamily, FollowsPyTorchsRuleWithWeightDecay) {
    const Config config{{"lr", 0.01}, {"weight_decay", 0.1}};
    EXPECT_LT(distance_from_reference(config, rule({.lr = 0.01, .weight_decay = 0.1}), at::kDouble),
              tolerance(at::kDouble, 50));
    EXPECT_LT(distance_from_reference(config, rule({.lr = 0.01, .weight_decay = 0.1}), at::kFloat),
              tolerance(at::kFloat, 50));
}

TEST_P(AdamFamily, FollowsPyTorchsRuleWithAmsgradAndOtherBetas) {
    const Config config{
        {"lr", 0.01}, {"amsgrad", true}, {"betas", dv::testing::list(0.8, 0.9)}, {"eps", 1e-6}, {"weight_decay", 0.0}};
    const ReferenceAdam expected = rule({.lr = 0.01, .beta1 = 0.8, .beta2 = 0.9, .eps = 1e-6, .amsgrad = true});
    EXPECT_LT(distance_from_reference(config, expected, at::kDouble), tolerance(at::kDouble, 50));
    EXPECT_LT(distance_from_reference(config, expected, at::kFloat), tolerance(at::kFloat, 50));
}

TEST_P(AdamFamily, FollowsPyTorchsRuleWhenMaximizing) {
    const Config config{{"lr", 0.01}, {"maximize", true}, {"weight_decay", 0.1}};
    const ReferenceAdam expected = rule({.lr = 0.01, .weight_decay = 0.1, .maximize = true});
    EXPECT_LT(distance_from_reference(config, expected, at::kDouble), tolerance(at::kDouble, 50));
}

TEST_P(AdamFamily, KeepsPyTorchsStateForParametersThatWereStepped) {
    const auto optimizer = make({{"amsgrad", true}});
    const std::vector<NamedTensor> parameters = network();
    optimizer->build(parameters);
    EXPECT_TRUE(optimizer->state().empty());

    set_gradient(parameters[1].tensor, parameters[1].tensor.detach());
    optimizer->step();
    optimizer->step();
    EXPECT_EQ(state_keys(*optimizer),
              (std::vector<std::string>{"1.step", "1.exp_avg", "1.exp_avg_sq", "1.max_exp_avg_sq"}));
    const OptimizerState step = optimizer->state()[0];
    EXPECT_EQ(step.tensor.scalar_type(), at::kFloat);
    EXPECT_EQ(step.tensor.dim(), 0);
    EXPECT_EQ(number(step.tensor), 2.0);
    EXPECT_EQ(optimizer->state()[1].tensor.sizes(), parameters[1].tensor.sizes());
}

TEST_P(AdamFamily, GoesOnFromItsStateBitForBit) {
    for (const bool amsgrad : {false, true}) {
        const Config config{{"lr", 0.01}, {"amsgrad", amsgrad}};
        EXPECT_EQ(first_difference_after_reload(*make(config), *make(config), 5), "");
    }
}

TEST_P(AdamFamily, CountsStepsPerParameter) {
    const auto optimizer = make({{"lr", 0.1}, {"weight_decay", 0.0}});
    const std::vector<NamedTensor> parameters = network();
    optimizer->build(parameters);
    set_gradients(parameters, 0);
    optimizer->step();
    const double before = number(parameters[3].tensor);

    optimizer->zero_grad();
    set_gradients({parameters[0]}, 1);
    optimizer->step();
    EXPECT_EQ(number(parameters[3].tensor), before);
    EXPECT_EQ(number(optimizer->state()[0].tensor), 2.0);
    EXPECT_EQ(number(optimizer->state()[9].tensor), 1.0);
}

TEST_P(AdamFamily, StepsGroupsAtTheirOwnRates) {
    const auto optimizer =
        make({{"lr", 0.1},
              {"weight_decay", 0.0},
              {"groups", dv::testing::list(Config{{"match", "*.recurrence.*"}, {"lr_factor", 0.2}})}});
    const std::vector<NamedTensor> parameters = network();
    const double regular = number(parameters[0].tensor), recurrent = number(parameters[2].tensor);
    optimizer->build(parameters);
    set_gradients(parameters, 0);
    optimizer->step();
    EXPECT_NEAR(std::abs(number(parameters[0].tensor) - regular), 0.1, 1e-7);
    EXPECT_NEAR(std::abs(number(parameters[2].tensor) - recurrent), 0.02, 1e-7);
}

TEST_P(AdamFamily, StepsParametersOfAnyLayout) {
    const auto optimizer = make({{"lr", 0.1}});
    const NamedTensor plain = parameter("w", {2, 3, 4, 5});
    const NamedTensor channels_last{
        "v", plain.tensor.detach().contiguous(at::MemoryFormat::ChannelsLast).set_requires_grad(true)};
    optimizer->build(std::vector{plain, channels_last});
    for (int step = 0; step < 3; ++step) {
        set_gradients({plain}, step);
        set_gradient(channels_last.tensor, plain.tensor.grad());  // contiguous, unlike its parameter
        optimizer->step();
    }
    EXPECT_TRUE(plain.tensor.equal(channels_last.tensor));
}

TEST_P(AdamFamily, ListsItsOptionsAsPyTorchDoes) {
    const auto optimizer = make({{"lr", 0.25}, {"amsgrad", true}});
    optimizer->build(network());
    optimizer->set_lr(0, 0.5);
    std::vector<std::string> keys;
    for (const GroupOption& o : optimizer->options(0)) keys.push_back(o.key);
    EXPECT_EQ(keys, (std::vector<std::string>{"lr", "betas", "eps", "weight_decay", "amsgrad", "maximize", "capturable",
                                              "differentiable", "fused", "decoupled_weight_decay"}));
    EXPECT_EQ(optimizer->options(0)[0].values, std::vector<double>{0.5});
    EXPECT_EQ(optimizer->options(0)[1].values, (std::vector<double>{0.9, 0.999}));
    EXPECT_EQ(optimizer->options(0)[9].values, std::vector<double>{GetParam().decoupled ? 1.0 : 0.0});
    EXPECT_TRUE(optimizer->options(0)[4].is_flag);
}

TEST_P(AdamFamily, RefusesBetasThatAreNotTwo) {
    const std::string text = refusal([&] { make({{"betas", dv::testing::list(0.9)}}); });
    EXPECT_NE(text.find("'betas' takes two numbers"), std::string::npos) << text;
}

}  // namespace dv::optimizers::testing

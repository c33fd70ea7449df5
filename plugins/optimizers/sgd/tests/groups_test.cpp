// Sorting parameters into groups is the same for all optimizers: dv::Optimizer does it, here seen through plain SGD.

#include "tests/optimizer_fixture.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace {

using namespace dv::optimizers::testing;
using dv::NamedTensor;
using dv::testing::Config;
using dv::testing::list;

std::shared_ptr<dv::Optimizer> with_groups(const dv::testing::Value& groups, double weight_decay = 0.0) {
    dv::testing::Plugin plugin(DV_PLUGIN_UNDER_TEST);
    return plugin.make<dv::Optimizer>("sgd", {{"lr", 0.1}, {"weight_decay", weight_decay}, {"groups", groups}});
}

std::vector<std::string> names(const std::vector<NamedTensor>& tensors) {
    std::vector<std::string> out;
    for (const NamedTensor& t : tensors) out.push_back(t.name);
    return out;
}

TEST(OptimizerGroups, WithoutRulesAllIsRegular) {
    const auto optimizer = with_groups(list());
    optimizer->build(network());
    const auto groups = optimizer->groups();
    ASSERT_EQ(groups.size(), 1u);
    EXPECT_EQ(groups[0].name, "regular");
    EXPECT_EQ(groups[0].lr, 0.1);
    EXPECT_EQ(names(groups[0].parameters), names(network()));
}

TEST(OptimizerGroups, AParameterJoinsTheFirstRuleThatFits) {
    const auto optimizer =
        with_groups(list(Config{{"name", "recurrence"}, {"match", "*.recurrence.*"}, {"lr_factor", 0.5}},
                         Config{{"match", "V1.*"}, {"lr", 0.3}, {"lr_factor", 9.0}}));
    optimizer->build(network());
    const auto groups = optimizer->groups();
    ASSERT_EQ(groups.size(), 3u);
    EXPECT_EQ(groups[0].name, "regular");
    EXPECT_EQ(names(groups[0].parameters), std::vector<std::string>{"classifier.weight"});
    EXPECT_EQ(groups[1].name, "recurrence");
    EXPECT_EQ(names(groups[1].parameters), std::vector<std::string>{"V1.recurrence.conv.weight"});
    EXPECT_DOUBLE_EQ(groups[1].base_lr, 0.05);
    EXPECT_EQ(groups[2].name, "V1.*");
    EXPECT_EQ(names(groups[2].parameters), (std::vector<std::string>{"V1.conv.weight", "V1.conv.bias"}));
    EXPECT_EQ(groups[2].base_lr, 0.3);
}

TEST(OptimizerGroups, RegularIsLeftOutWhenRulesTakeAll) {
    const auto optimizer = with_groups(list(Config{{"name", "all"}, {"match", "*"}}));
    optimizer->build(network());
    ASSERT_EQ(optimizer->groups().size(), 1u);
    EXPECT_EQ(optimizer->groups()[0].name, "all");
}

TEST(OptimizerGroups, HaveTheirOwnWeightDecay) {
    const auto optimizer = with_groups(list(Config{{"match", "*.bias"}, {"weight_decay", 0.0}}), 0.5);
    const std::vector<NamedTensor> parameters = network();
    const double weight = number(parameters[0].tensor), bias = number(parameters[1].tensor);
    optimizer->build(parameters);
    for (const NamedTensor& p : parameters) set_gradient(p.tensor, p.tensor.detach().mul(0.0));
    optimizer->step();
    EXPECT_DOUBLE_EQ(number(parameters[0].tensor), weight * (1 - 0.1 * 0.5));
    EXPECT_EQ(number(parameters[1].tensor), bias);
}

TEST(OptimizerGroups, TakeANewRateOnePerGroup) {
    const auto optimizer = with_groups(list(Config{{"match", "*.bias"}}));
    const std::vector<NamedTensor> parameters = network();
    const double weight = number(parameters[0].tensor), bias = number(parameters[1].tensor);
    optimizer->build(parameters);
    optimizer->set_lr(0, 0.0);
    set_gradients(parameters, 0);
    optimizer->step();
    EXPECT_EQ(number(parameters[0].tensor), weight);
    EXPECT_DOUBLE_EQ(number(parameters[1].tensor), bias - 0.1 * number(parameters[1].tensor.grad()));
    EXPECT_EQ(optimizer->groups()[0].lr, 0.0);
    EXPECT_EQ(optimizer->groups()[0].base_lr, 0.1);
}

TEST(OptimizerGroups, BuffersAreNotOptimized) {
    const auto optimizer = with_groups(list());
    std::vector<NamedTensor> tensors = network();
    tensors[1].trainable = false;
    optimizer->build(tensors);
    EXPECT_EQ(optimizer->groups()[0].parameters.size(), 3u);
}

TEST(OptimizerGroups, ZeroGradDropsGradients) {
    const auto optimizer = with_groups(list());
    const std::vector<NamedTensor> parameters = network();
    optimizer->build(parameters);
    set_gradients({parameters[0]}, 0);
    optimizer->zero_grad();
    EXPECT_FALSE(parameters[0].tensor.grad().defined());
    const double before = number(parameters[0].tensor);
    optimizer->step();
    EXPECT_EQ(number(parameters[0].tensor), before);
}

/// Builds over network() with these groups: what was warned of, and how many groups there are.
std::pair<std::string, std::size_t> built_with(const dv::testing::Value& groups) {
    dv::testing::Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto optimizer = plugin.make<dv::Optimizer>("sgd", {{"lr", 0.1}, {"groups", groups}});
    optimizer->build(network());
    return {plugin.host().log_text(DV_LOG_WARNING), optimizer->groups().size()};
}

TEST(OptimizerGroups, APatternThatFitsNothingIsWarnedOfAndMakesNoGroup) {
    const auto [warning, n_groups] = built_with(list(Config{{"match", "*.bias"}}, Config{{"match", "*.feedback.*"}}));
    EXPECT_EQ(n_groups, 2u);
    EXPECT_NE(warning.find("'groups.1.match' is '*.feedback.*', which fits no trainable parameter; there are "
                           "'V1.conv.weight', 'V1.conv.bias', 'V1.recurrence.conv.weight', 'classifier.weight'"),
              std::string::npos)
        << warning;
}

TEST(OptimizerGroups, APatternWhoseParametersAreTakenIsWarnedOf) {
    const auto [warning, n_groups] = built_with(list(Config{{"match", "V1.*"}}, Config{{"match", "*.bias"}}));
    EXPECT_EQ(n_groups, 2u);
    EXPECT_NE(
        warning.find("'groups.1.match' is '*.bias', and all that it fits is taken by earlier groups ('V1.conv.bias' by "
                     "groups.0.match = 'V1.*')"),
        std::string::npos)
        << warning;
}

TEST(OptimizerGroups, EqualNamesAreRefused) {
    const auto regular = with_groups(list(Config{{"name", "regular"}, {"match", "*.bias"}}));
    const std::string text = refusal([&] { regular->build(network()); });
    EXPECT_NE(text.find("'groups.0.name' is 'regular', which another group has already"), std::string::npos) << text;
}

TEST(OptimizerGroups, NothingToOptimizeIsRefused) {
    const auto optimizer = with_groups(list());
    const std::string text = refusal([&] { optimizer->build({}); });
    EXPECT_NE(text.find("no trainable parameter"), std::string::npos) << text;
}

TEST(OptimizerGroups, AParameterThatOverlapsItselfIsRefused) {
    const auto optimizer = with_groups(list());
    const NamedTensor expanded{"gain", at::tensor({1.0}).expand({4})};
    const std::string text = refusal([&] { optimizer->build(std::vector{expanded}); });
    EXPECT_NE(text.find("parameter 'gain' of shape [4] is a view that overlaps itself"), std::string::npos) << text;
}

}  // namespace

/// What torch.optim.LBFGS finds in a checkpoint, and what is taken of a state of its own.

#include "checkpoint/optimizer_keys.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dvhost::testing {
namespace {

using checkpoint::PickleValue;
using ::testing::HasSubstr;
using ::testing::SizeIs;

/// Keeps what it is given.
struct Keeper final : dv::Optimizer {
    std::vector<dv::OptimizerState> kept;
    std::vector<dv::OptimizerState> state() const override { return kept; }
    void load_state(std::span<const dv::OptimizerState> states) override { kept.assign(states.begin(), states.end()); }
    std::vector<dv::GroupOption> options(std::size_t) const override {
        return {{"lr", {1.0}}, {"max_iter", {20.0}}, {"history_size", {100.0}}, {"line_search_fn", {}}};
    }
    void step_group(dv::ParameterGroup&) override {}
    const at::Tensor& at(const std::string& key) const {
        for (const dv::OptimizerState& s : kept) {
            if (s.key == key) return s.tensor;
        }
        throw dv::Error("no " + key);
    }
};

class LbfgsKeys : public ::testing::Test {
protected:
    at::Tensor weight = at::zeros({3}).requires_grad_(true);
    Keeper optimizer;
    LbfgsKeys() { optimizer.build(std::vector<dv::NamedTensor>{{"w", weight, true}}); }

    static const PickleValue& state_of(const PickleValue& value) { return *value.find("state")->find(std::int64_t{0}); }
    static PickleValue numbered(std::int64_t n, std::int64_t size) {
        PickleValue::List rows;
        for (std::int64_t i = 0; i < n; ++i) rows.push_back({at::full({size}, static_cast<double>(i), at::kFloat)});
        return {std::move(rows)};
    }
    /// `state` in the place of the optimizer's.
    PickleValue holding(PickleValue::Pairs state) const {
        PickleValue whole = checkpoint::optimizer_state(optimizer);
        PickleValue::Pairs by_parameter;
        by_parameter.emplace_back(PickleValue{std::int64_t{0}}, PickleValue{PickleValue::Dict{std::move(state)}});
        std::get<PickleValue::Dict>(whole.value).items[0].second = {PickleValue::Dict{std::move(by_parameter)}};
        return whole;
    }
};

TEST_F(LbfgsKeys, AreNumbersAndListsWhereTorchHasThem) {
    optimizer.kept = {{0, "func_evals", at::scalar_tensor(7, at::kLong)},
                      {0, "d", at::arange(3, at::kFloat)},
                      {0, "t", at::scalar_tensor(0.1, at::kDouble)},
                      {0, "old_dirs", at::arange(6, at::kFloat).view({2, 3})},
                      {0, "ro", at::arange(2, at::kDouble)}};
    const PickleValue value = checkpoint::optimizer_state(optimizer);
    const PickleValue& state = state_of(value);
    EXPECT_EQ(*state.find("func_evals")->as<std::int64_t>(), 7);
    EXPECT_EQ(*state.find("t")->as<double>(), 0.1);
    EXPECT_TRUE(state.find("d")->as<at::Tensor>()->equal(at::arange(3, at::kFloat)));
    ASSERT_THAT(*state.find("old_dirs")->items(), SizeIs(2));
    EXPECT_TRUE((*state.find("old_dirs")->items())[1].as<at::Tensor>()->equal(at::arange(3, 6, at::kFloat)));
    EXPECT_EQ((*state.find("ro")->items())[1].as<at::Tensor>()->dim(), 0);
    const PickleValue& group = (*value.find("param_groups")->items())[0];
    EXPECT_EQ(*group.find("max_iter")->as<std::int64_t>(), 20);
    EXPECT_EQ(*group.find("history_size")->as<std::int64_t>(), 100);
    EXPECT_NE(group.find("line_search_fn")->as<PickleValue::None>(), nullptr);
    EXPECT_EQ(*group.find("lr")->as<double>(), 1.0);
}

TEST_F(LbfgsKeys, AreTakenOfTorchsOwnState) {
    PickleValue::Pairs state;
    PickleValue::List scratch(100);
    scratch[0] = {at::scalar_tensor(2.0)};
    state.emplace_back(PickleValue{"func_evals"}, PickleValue{std::int64_t{20'000'001}});
    state.emplace_back(PickleValue{"prev_loss"}, PickleValue{0.1});
    state.emplace_back(PickleValue{"H_diag"}, PickleValue{std::int64_t{1}});
    state.emplace_back(PickleValue{"old_dirs"}, numbered(2, 3));
    state.emplace_back(PickleValue{"old_stps"}, PickleValue{PickleValue::List{}});
    state.emplace_back(PickleValue{"al"}, PickleValue{std::move(scratch)});
    checkpoint::load_optimizer_state(holding(std::move(state)), optimizer);
    EXPECT_EQ(optimizer.at("func_evals").item<std::int64_t>(), 20'000'001);
    EXPECT_EQ(optimizer.at("prev_loss").item<double>(), 0.1);
    EXPECT_EQ(optimizer.at("H_diag").item<double>(), 1.0);
    EXPECT_EQ(optimizer.at("old_dirs").sizes(), (std::vector<std::int64_t>{2, 3}));
    EXPECT_EQ(optimizer.at("old_dirs")[1][2].item<double>(), 1.0);
    EXPECT_EQ(optimizer.at("old_stps").numel(), 0);
    EXPECT_THAT(optimizer.kept, SizeIs(5));  // without torch's scratch
}

TEST_F(LbfgsKeys, AListOfAnythingElseIsRefused) {
    PickleValue::Pairs state;
    PickleValue rows = numbered(2, 3);
    std::get<PickleValue::List>(rows.value)[1] = {at::zeros({4})};
    state.emplace_back(PickleValue{"old_dirs"}, std::move(rows));
    const PickleValue value = holding(std::move(state));
    try {
        checkpoint::load_optimizer_state(value, optimizer);
        FAIL() << "it was taken";
    } catch (const dv::Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("'old_dirs'"));
    }
}

}  // namespace
}  // namespace dvhost::testing

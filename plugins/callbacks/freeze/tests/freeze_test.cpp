#include <dv/testing/load.hpp>
#include <dv/testing/torch.hpp>
#include <dv/testing/torch/callback.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace {

using dv::testing::Config;
using dv::testing::list;
using dv::testing::Plugin;
using dv::testing::RunBuilder;
using dv::testing::TorchCallbackHandle;

/// A backbone with a group of its own, and a head whose rate is the schedule's.
class FreezeTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};
    const at::Tensor weight = dv::testing::uniform(1, {2}).requires_grad_(),
                     norm = dv::testing::uniform(2, {2}).requires_grad_(),
                     head = dv::testing::uniform(3, {2}).requires_grad_();
    std::function<double(int epoch)> scheduled = [](int) { return 1.0; };

    TorchCallbackHandle make(Config config) {
        if (!config.get("patterns")) config.set("patterns", list("backbone.*"));
        TorchCallbackHandle freeze(plugin.make<dv::TorchCallback>("freeze", config));
        freeze.training().weights = {
            {"backbone.conv.weight", weight, true}, {"backbone.bn.weight", norm, true}, {"head.weight", head, true}};
        freeze.training().groups = {{"backbone.conv.weight", "backbone"}, {"backbone.bn.weight", "backbone"}};
        return freeze;
    }
    double rate(TorchCallbackHandle& freeze, int epoch) {
        const auto& calls = freeze.training().scaled;
        return scheduled(epoch) * (calls.empty() ? 1.0 : calls.back().second);
    }
    /// The backbone's rate in each epoch; 0 while it is frozen.
    std::vector<double> rates(TorchCallbackHandle& freeze, int first, int last) {
        std::vector<double> out;
        RunBuilder run;
        const auto view = [&](int epoch) -> RunBuilder& {
            return run.epoch(epoch)
                .learning_rate("regular", scheduled(epoch))
                .learning_rate("backbone", rate(freeze, epoch));
        };
        freeze.phase(DV_FIT_START, view(first));
        freeze.phase(DV_TRAIN_START, view(first));
        for (int epoch = first; epoch < last; ++epoch) {
            freeze.phase(DV_TRAIN_EPOCH_START, view(epoch));
            out.push_back(weight.requires_grad() ? rate(freeze, epoch) : 0.0);
        }
        return out;
    }
    static void expect_near(const std::vector<double>& found, const std::vector<double>& expected) {
        ASSERT_EQ(found.size(), expected.size());
        for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-12) << i;
    }
    std::string refusal(const Config& config) {
        try {
            auto freeze = make(config);
            rates(freeze, 0, 1);
        } catch (const dv::ComponentError& error) {
            return error.text;
        }
        return "";
    }
};

TEST_F(FreezeTest, TheRateGrowsToThatOfTheOthersOnceTheyAreFree) {
    auto freeze = make({{"unfreeze_at_epoch", 2}});
    expect_near(rates(freeze, 0, 8), {0, 0, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0});
    EXPECT_TRUE(head.requires_grad());
}

TEST_F(FreezeTest, TheRampCanBeChosen) {
    auto freeze = make({{"unfreeze_at_epoch", 1}, {"initial_lr", 0.5}, {"growth", 3.0}, {"should_align", false}});
    expect_near(rates(freeze, 0, 4), {0, 0.5, 1.5, 4.5});
    auto none = make({{"unfreeze_at_epoch", 1}, {"rate_ramp", false}});
    expect_near(rates(none, 0, 3), {0, 1.0, 1.0});
}

TEST_F(FreezeTest, ItFollowsTheScheduleOfTheOthers) {
    scheduled = [](int epoch) { return epoch < 3 ? 1.0 : 0.3; };
    auto freeze = make({{"unfreeze_at_epoch", 1}});
    expect_near(rates(freeze, 0, 6), {0, 0.1, 0.2, 0.3, 0.3, 0.3});
}

TEST_F(FreezeTest, PartsCanBeLeftOutAndTheTimeChosen) {
    auto freeze =
        make({{"except", list("*.bn.*")}, {"freeze_at_epoch", 1}, {"unfreeze_at_epoch", 2}, {"verbose", true}});
    expect_near(rates(freeze, 0, 3), {1.0, 0, 0.1});
    EXPECT_TRUE(norm.requires_grad());
    EXPECT_NE(plugin.host().log_text().find("epoch 1: 1 parameter(s) frozen"), std::string::npos);
    EXPECT_NE(plugin.host().log_text().find("the rate of 'backbone' is 0.1"), std::string::npos);
}

TEST_F(FreezeTest, WhatIsFrozenHasNoGradient) {
    weight.mutable_grad() = dv::testing::uniform(4, {2});
    auto freeze = make({});
    rates(freeze, 0, 1);
    EXPECT_FALSE(weight.grad().defined());
}

TEST_F(FreezeTest, ARunThatGoesOnHasTheSameRates) {
    const Config config{{"unfreeze_at_epoch", 2}};
    for (int cut = 1; cut < 7; ++cut) {
        auto first = make(config), second = make(config);
        std::vector<double> found = rates(first, 0, cut);
        weight.requires_grad_(), norm.requires_grad_();
        second.load_state(first.save_state());
        for (const double rate : rates(second, cut, 8)) found.push_back(rate);
        expect_near(found, {0, 0, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0});
        weight.requires_grad_(), norm.requires_grad_();
    }
}

TEST_F(FreezeTest, WhatCannotWorkIsRefused) {
    EXPECT_NE(
        refusal({{"patterns", list("body.*")}}).find("it has: backbone.conv.weight, backbone.bn.weight, head.weight"),
        std::string::npos);
    EXPECT_NE(refusal({{"patterns", list("*.conv.*")}}).find("group 'backbone' holds other parameters"),
              std::string::npos);
    EXPECT_EQ(refusal({{"patterns", list("*.conv.*")}, {"rate_ramp", false}}), "");
    EXPECT_NE(refusal({{"freeze_at_epoch", 5}, {"unfreeze_at_epoch", 5}}).find("'unfreeze_at_epoch' is 5"),
              std::string::npos);
}

}  // namespace

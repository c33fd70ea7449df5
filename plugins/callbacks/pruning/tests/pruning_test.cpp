#include <dv/testing/load.hpp>
#include <dv/testing/torch.hpp>
#include <dv/testing/torch/callback.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

using dv::testing::AnswerLog;
using dv::testing::Config;
using dv::testing::list;
using dv::testing::Plugin;
using dv::testing::RunBuilder;
using dv::testing::tensor;
using dv::testing::TorchCallbackHandle;

/// Two parameters of four elements.
class PruningTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};
    const at::Tensor a = tensor({1, -2, 3, -4}, {2, 2}), b = tensor({5, -6, 7, 8}, {2, 2}), bias = tensor({0.5}, {1});
    RunBuilder run;

    TorchCallbackHandle make(Config config) {
        if (!config.get("use_lottery_ticket_hypothesis")) config.set("use_lottery_ticket_hypothesis", false);
        TorchCallbackHandle pruning(plugin.make<dv::TorchCallback>("pruning", config));
        pruning.training().weights = {{"a.weight", a, true}, {"b.weight", b, true}, {"b.bias", bias, true}};
        return pruning;
    }
    AnswerLog epoch(TorchCallbackHandle& pruning, int n) {
        return pruning.phase(DV_TRAIN_EPOCH_END, run.stage(DV_STAGE_TRAIN).epoch(n));
    }
    AnswerLog pruned(const Config& config, int epochs = 1) {
        auto pruning = make(config);
        pruning.phase(DV_FIT_START, run);
        AnswerLog answer;
        for (int n = 0; n < epochs; ++n) answer = epoch(pruning, n);
        return answer;
    }
    static std::vector<double> values(const at::Tensor& t) {
        const at::Tensor flat = t.to(at::kDouble).flatten().contiguous();
        return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
    }
    using Values = std::vector<double>;
};

TEST_F(PruningTest, TheSmallestOfAllGo) {
    const AnswerLog answer = pruned({{"amount", list(0.5)}});
    EXPECT_EQ(values(a), (Values{0, 0, 0, 0}));
    EXPECT_EQ(values(b), (Values{5, -6, 7, 8}));
    EXPECT_EQ(values(bias), (Values{0.5}));  // no weight
    EXPECT_EQ(answer.value("pruning/sparsity"), 0.5);
}

TEST_F(PruningTest, OrTheSmallestOfEach) {
    pruned({{"amount", list(0.5)}, {"use_global_unstructured", false}});
    EXPECT_EQ(values(a), (Values{0, 0, 3, -4}));
    EXPECT_EQ(values(b), (Values{0, 0, 7, 8}));
}

TEST_F(PruningTest, EachEpochTakesAShareOfWhatIsLeft) {
    EXPECT_EQ(pruned({{"amount", list(0.5)}}, 2).value("pruning/sparsity"), 0.75);
    EXPECT_EQ(values(b), (Values{0, 0, 7, 8}));
}

TEST_F(PruningTest, EpochsCanHaveSharesOfTheirOwn) {
    EXPECT_EQ(pruned({{"amount", list(0.25, 0.0, 0.5)}}, 2).value("pruning/sparsity"), 0.25);
    EXPECT_EQ(values(a), (Values{0, 0, 3, -4}));
    EXPECT_EQ(pruned({{"amount", list(0.25, 0.0, 0.5)}}, 9).value("pruning/sparsity"), 5 / 8.0);  // 2, then 3 of 6
}

TEST_F(PruningTest, SlicesGoAsAWhole) {
    pruned({{"method", "ln_structured"}, {"amount", list(0.5)}});
    EXPECT_EQ(values(a), (Values{0, 0, 3, -4}));
    EXPECT_EQ(values(b), (Values{0, 0, 7, 8}));
    pruned({{"method", "ln_structured"}, {"amount", list(0.5)}, {"pruning_dim", 1}, {"pruning_norm", 1.0}});
    EXPECT_EQ(values(b), (Values{0, 0, 0, 8}));
}

TEST_F(PruningTest, DrawnOnesAreTheSameForASeed) {
    for (const char* method : {"random_unstructured", "random_structured"}) {
        a.copy_(tensor({1, -2, 3, -4}, {2, 2})), b.copy_(tensor({5, -6, 7, 8}, {2, 2}));
        EXPECT_EQ(pruned({{"method", method}, {"amount", list(0.5)}}).value("pruning/sparsity"), 0.5) << method;
        const Values first = values(a), second = values(b);
        a.copy_(tensor({1, -2, 3, -4}, {2, 2})), b.copy_(tensor({5, -6, 7, 8}, {2, 2}));
        pruned({{"method", method}, {"amount", list(0.5)}});
        EXPECT_EQ(values(a), first);
        EXPECT_EQ(values(b), second);
    }
}

TEST_F(PruningTest, WhatIsPrunedStaysSo) {
    auto pruning = make({});
    pruning.phase(DV_FIT_START, run);
    epoch(pruning, 0);
    a.add_(1.0), b.add_(1.0);
    pruning.phase(DV_OPTIMIZER_STEP_DONE, run.step(1));
    EXPECT_EQ(values(a), (Values{0, 0, 0, 0}));
    EXPECT_EQ(values(b), (Values{6, -5, 8, 9}));
}

TEST_F(PruningTest, ATicketGoesBackToItsFirstValues) {
    auto pruning = make({{"use_lottery_ticket_hypothesis", true}});
    pruning.phase(DV_FIT_START, run);
    b.add_(8.5);
    epoch(pruning, 0);
    EXPECT_EQ(values(a), (Values{0, 0, 0, -4}));  // of 1 2 3 4 13.5 2.5 15.5 16.5 the four smallest
    EXPECT_EQ(values(b), (Values{5, 0, 7, 8}));
}

TEST_F(PruningTest, ItCanHappenWhenAValidationEnds) {
    auto pruning = make({{"prune_on_train_epoch_end", false}});
    pruning.phase(DV_FIT_START, run);
    pruning.phase(DV_VALIDATION_END, run.stage(DV_STAGE_SANITY_CHECK));
    EXPECT_EQ(epoch(pruning, 0).value("pruning/sparsity"), 0.0);
    pruning.phase(DV_VALIDATION_END, run.stage(DV_STAGE_VALIDATE));
    EXPECT_EQ(epoch(pruning, 0).value("pruning/sparsity"), 0.5);
}

TEST_F(PruningTest, ARunThatGoesOnHasTheMasksAndPrunesNoEpochTwice) {
    auto first = make({{"use_lottery_ticket_hypothesis", true}}),
         second = make({{"use_lottery_ticket_hypothesis", true}});
    first.phase(DV_FIT_START, run);
    epoch(first, 0);
    second.load_state(first.save_state());
    second.load_tensors(first.save_tensors());
    b.mul_(2.0), a.add_(1.0);
    second.phase(DV_FIT_START, run);
    EXPECT_EQ(values(a), (Values{0, 0, 0, 0}));
    EXPECT_EQ(epoch(second, 0).value("pruning/sparsity"), 0.5);
    EXPECT_EQ(epoch(second, 1).value("pruning/sparsity"), 0.75);
    EXPECT_EQ(values(b), (Values{0, 0, 7, 8}));  // their first values
}

TEST_F(PruningTest, WhatCannotWorkIsRefused) {
    EXPECT_THROW(make({{"amount", list()}}), dv::ComponentError);
    EXPECT_THROW(make({{"amount", list(1.5)}}), std::invalid_argument);
    auto pruning = make({{"parameters", list("c.*")}});
    EXPECT_THROW(pruning.phase(DV_FIT_START, run), dv::ComponentError);
}

}  // namespace

#include "expect_conformance.hpp"

#include <dv/testing/torch.hpp>
#include <dv/testing/torch/callback.hpp>

#include <gtest/gtest.h>

using dv::testing::Plugin;
using dv::testing::torch_suites;
using dv::testing::TorchCallbackHandle;
using dv_tests::Wrong;

namespace {

class WrongTorchCallback : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongTorchCallback, IsNoticed) { dv_tests::expect_noticed(GetParam(), torch_suites()); }

INSTANTIATE_TEST_SUITE_P(
    TorchCallbacks, WrongTorchCallback,
    ::testing::Values(
        Wrong{DV_WRONG_TORCH_CALLBACKS, "test.torch_callback.idle", "torch_callback.asks_for_phases"},
        Wrong{DV_WRONG_TORCH_CALLBACKS, "test.torch_callback.grumpy", "torch_callback.a_whole_run_passes"},
        Wrong{DV_WRONG_TORCH_CALLBACKS, "test.torch_callback.greedy", "torch_callback.weights_come_back"},
        Wrong{DV_WRONG_TORCH_CALLBACKS, "test.torch_callback.forgetful", "torch_callback.state_goes_round"},
        Wrong{DV_WRONG_TORCH_CALLBACKS, "test.torch_callback.trusting", "torch_callback.missing_batches_are_survived"}),
    dv_tests::test_name);

TEST(TorchCallbackSuite, LetsWhatKeepsItsPromisesPass) {
    dv_tests::expect_clean(DV_WRONG_TORCH_CALLBACKS, "test.torch_callback.quiet", torch_suites());
}

TEST(TorchCallbackHandle, GivesWeightsAndOnlyThePhasesThatWereAskedFor) {
    Plugin plugin(DV_WRONG_TORCH_CALLBACKS);
    TorchCallbackHandle quiet(plugin.make<dv::TorchCallback>("quiet"));
    const at::Tensor w = dv::testing::tensor({4.0}, {1});
    quiet.training().weights = {{"w", w, true}};
    EXPECT_FALSE(quiet.wants(DV_TRAIN_END));
    quiet.phase(DV_TRAIN_END);
    quiet.phase(DV_VALIDATION_START);
    EXPECT_EQ(w.item<double>(), 2.0);
    EXPECT_EQ(quiet.save_state(), (dv::testing::Config{{"seen", 1}}));
    TorchCallbackHandle other(plugin.make<dv::TorchCallback>("quiet"));
    other.load_state({{"seen", 7}});
    EXPECT_EQ(other.save_state(), (dv::testing::Config{{"seen", 7}}));
}

}  // namespace

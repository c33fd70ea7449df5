#include <dv/testing/load.hpp>
#include <dv/testing/torch.hpp>
#include <dv/testing/torch/callback.hpp>

#include <gtest/gtest.h>

namespace {

using dv::testing::Plugin;
using dv::testing::TorchCallbackHandle;

std::string summary(std::int64_t max_depth) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    TorchCallbackHandle callback(plugin.make<dv::TorchCallback>("model_summary", {{"max_depth", max_depth}}));
    const auto parameter = [](at::IntArrayRef shape) { return dv::testing::uniform(1, shape).requires_grad_(); };
    callback.training().weights = {{"conv.first.weight", parameter({64, 3, 3, 3}), true},
                                   {"conv.first.mean", dv::testing::uniform(1, {64}), false},
                                   {"conv.second.weight", parameter({2, 64}), true},
                                   {"fixed", dv::testing::uniform(1, {1000}), true},
                                   {"tau", parameter({}), true}};
    callback.phase(DV_FIT_START);
    return plugin.host().log_text();
}

constexpr const char* kTotals = "1 857 trainable, 1 000 non-trainable, 2 857 total parameters; 0.012 MB with buffers\n";

TEST(ModelSummary, PutsTensorsTogetherByTheirNames) {
    EXPECT_EQ(summary(1), std::string("  name   type       shape      params\n"
                                      "  conv   mixed      3 tensors   1 856\n"
                                      "  fixed  frozen     1000        1 000\n"
                                      "  tau    parameter  1               1\n") +
                              kTotals);
}

TEST(ModelSummary, OrGivesALineToEach) {
    EXPECT_EQ(summary(-1), std::string("  name                type       shape           params\n"
                                       "  conv.first.weight   parameter  64 x 3 x 3 x 3   1 728\n"
                                       "  conv.first.mean     buffer     64                   0\n"
                                       "  conv.second.weight  parameter  2 x 64             128\n"
                                       "  fixed               frozen     1000             1 000\n"
                                       "  tau                 parameter  1                    1\n") +
                               kTotals);
    EXPECT_NE(summary(2).find("  conv.first   mixed      2 tensors   1 728\n"), std::string::npos);
}

TEST(ModelSummary, OrTotalsOnly) { EXPECT_EQ(summary(0), kTotals); }

}  // namespace

#include <dv/testing/load.hpp>
#include <dv/testing/torch.hpp>
#include <dv/testing/torch/callback.hpp>

#include <gtest/gtest.h>

namespace {

using dv::testing::Plugin;
using dv::testing::RunBuilder;
using dv::testing::TorchCallbackHandle;

TEST(WeightAveraging, IsTheMeanOfTheWeightsAfterEveryStep) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    TorchCallbackHandle averaging(plugin.make<dv::TorchCallback>("weight_averaging"));
    const at::Tensor w = dv::testing::tensor({0.0}, {1});
    averaging.training().weights = {{"w", w, true}};
    RunBuilder run;
    averaging.phase(DV_FIT_START, run);
    for (const auto& [step, value] : {std::pair{1, -1.0}, {2, 3.0}, {3, 7.0}}) {
        w.fill_(value);
        averaging.phase(DV_OPTIMIZER_STEP_DONE, run.step(step));
    }
    averaging.phase(DV_VALIDATION_START, run);
    EXPECT_NEAR(w.item<double>(), 3.0, 1e-6);
    averaging.phase(DV_VALIDATION_END, run);
    EXPECT_NEAR(w.item<double>(), 7.0, 1e-6);
    EXPECT_EQ(averaging.state_key(), "WeightAveraging");
    EXPECT_EQ(averaging.save_state().get("n_averaged")->number(), 3);
}

}  // namespace

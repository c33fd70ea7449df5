#include <dv/testing/load.hpp>
#include <dv/testing/torch.hpp>
#include <dv/testing/torch/callback.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>
#include <vector>

namespace {

using dv::testing::Config;
using dv::testing::Plugin;
using dv::testing::RunBuilder;
using dv::testing::TorchCallbackHandle;

class SpikeDetectionTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};

    TorchCallbackHandle make(const Config& config) {
        return TorchCallbackHandle(plugin.make<dv::TorchCallback>("spike_detection", config));
    }
    /// The batch at which it fails; -1: it does not.
    int fails_at(TorchCallbackHandle& callback, const std::vector<double>& losses) {
        for (int i = 0; i < static_cast<int>(losses.size()); ++i) {
            callback.output =
                dv::StepOutput{dv::testing::tensor({losses[static_cast<std::size_t>(i)]}, {}), {}, {}, {}};
            try {
                callback.phase(DV_TRAIN_BATCH_END, RunBuilder().batch(i, 100).stage(DV_STAGE_TRAIN));
            } catch (const dv::ComponentError& error) {
                text = error.text;
                return i;
            }
        }
        return -1;
    }
    int fails_at(const Config& config, const std::vector<double>& losses) {
        auto callback = make(config);
        return fails_at(callback, losses);
    }
    std::string text;
};

TEST_F(SpikeDetectionTest, AJumpAwayFromTheMeanIsASpike) {
    EXPECT_EQ(fails_at({}, {1, 1, 1, 2.5, 1}), -1);  // 1.5 away from 1, less than twice
    EXPECT_EQ(fails_at({}, {1, 1, 1, 3.5, 1}), 3);
    EXPECT_NE(text.find("the loss of batch 3 is 3.5, the mean before it 1"), std::string::npos) << text;
    EXPECT_EQ(fails_at({{"rtol", 0.5}}, {1, 1, 1, 1.75}), 3);
    EXPECT_EQ(fails_at({{"atol", 5.0}}, {1, 1, 1, 3.5}), -1);
    EXPECT_EQ(fails_at({{"window", 1}}, {1, 2, 4, 8, 16}), -1);
    EXPECT_EQ(fails_at({{"mode", "max"}, {"rtol", 0.5}}, {9, 9, 20, 1}), 3);  // what got better is none
}

TEST_F(SpikeDetectionTest, TheFirstBatchesAreNone) {
    EXPECT_EQ(fails_at({{"warmup", 3}}, {1, 9, 99, 1}), -1);
    EXPECT_EQ(fails_at({{"warmup", 1}}, {1, 9}), 1);
}

TEST_F(SpikeDetectionTest, ALossThatIsNoNumberIsOne) {
    EXPECT_EQ(fails_at({}, {1, std::nan("")}), 1);
    EXPECT_EQ(fails_at({{"finite_only", false}}, {1, std::nan(""), 1}), -1);
}

TEST_F(SpikeDetectionTest, TheBatchesAreListed) {
    ASSERT_EQ(fails_at({}, {1, 1, 9}), 2);
    std::ostringstream list;
    list << std::ifstream(plugin.host().run_dir() / "skip_batches.json").rdbuf();
    EXPECT_EQ(list.str(), "[\n    1,\n    2\n]\n");
    EXPECT_NE(text.find("skip_batches.json"), std::string::npos);
}

TEST_F(SpikeDetectionTest, ARunThatGoesOnKnowsTheMean) {
    auto first = make({}), second = make({{"warmup", 0}});
    ASSERT_EQ(fails_at(first, {1, 1, 1}), -1);
    second.load_state(first.save_state());
    EXPECT_EQ(fails_at(second, {9}), 0);
    EXPECT_EQ(second.state_key(), "SpikeDetection");
}

}  // namespace

#include <dv/npy.hpp>
#include <dv/testing/load.hpp>
#include <dv/testing/torch.hpp>
#include <dv/testing/torch/callback.hpp>

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <set>
#include <vector>

namespace {

namespace fs = std::filesystem;
using dv::testing::Plugin;
using dv::testing::RunBuilder;
using dv::testing::TorchCallbackHandle;

template <class T>
std::vector<T> values(const fs::path& file) {
    const dv::npy::Array array(file);
    std::vector<T> out(array.n_values());
    std::memcpy(out.data(), array.bytes().data(), array.bytes().size());
    return out;
}

class PredictionWriterTest : public testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};
    fs::path folder() { return plugin.host().run_dir() / "predictions"; }

    /// Two batches of two samples, one class; the second holds the earlier positions.
    void predict(const char* interval) {
        TorchCallbackHandle writer(plugin.make<dv::TorchCallback>("prediction_writer", {{"write_interval", interval}}));
        RunBuilder run;
        run.stage(DV_STAGE_PREDICT);
        writer.phase(DV_PREDICT_START, run);
        const at::Tensor memory = dv::testing::tensor({0, 0}, {2, 1, 1});  // used again for every batch
        for (int i = 0; i < 2; ++i) {
            dv::Batch batch;
            batch.index = dv::testing::labels({i == 0 ? 2 : 1, i == 0 ? 3 : 0}, {2});
            writer.batch = batch;
            memory.copy_(dv::testing::tensor({10.0 * i + 1, 10.0 * i + 2}, {2, 1, 1}));
            writer.output = dv::StepOutput{{}, memory, {}, {}};
            writer.phase(DV_PREDICT_BATCH_END, run.batch(i, 2));
        }
        writer.phase(DV_PREDICT_EPOCH_END, run);
    }
    std::set<std::string> files() {
        std::set<std::string> out;
        for (const auto& entry : fs::directory_iterator(folder())) out.insert(entry.path().filename());
        return out;
    }
};

TEST_F(PredictionWriterTest, EveryBatchIsAFile) {
    predict("batch");
    EXPECT_EQ(files(), (std::set<std::string>{"batch_000000.npy", "batch_000000_index.npy", "batch_000001.npy",
                                              "batch_000001_index.npy"}));
    EXPECT_EQ(values<float>(folder() / "batch_000001.npy"), (std::vector<float>{11, 12}));
    EXPECT_EQ(values<std::int64_t>(folder() / "batch_000001_index.npy"), (std::vector<std::int64_t>{1, 0}));
    EXPECT_EQ(dv::npy::Array(folder() / "batch_000000.npy").shape(), (dv::npy::Shape{2, 1, 1}));
}

TEST_F(PredictionWriterTest, OneFileIsInTheOrderOfTheSamples) {
    predict("epoch");
    EXPECT_EQ(files(), (std::set<std::string>{"predictions.npy", "predictions_index.npy"}));
    EXPECT_EQ(values<float>(folder() / "predictions.npy"), (std::vector<float>{12, 11, 1, 2}));
    EXPECT_EQ(values<std::int64_t>(folder() / "predictions_index.npy"), (std::vector<std::int64_t>{0, 1, 2, 3}));
}

TEST_F(PredictionWriterTest, OrBoth) {
    predict("batch_and_epoch");
    EXPECT_EQ(files().size(), 6u);
}

}  // namespace

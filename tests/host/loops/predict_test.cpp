/// The order of things in a prediction, and the file it leaves.

#include "boring.hpp"
#include "loops/interrupt.hpp"
#include "loops/trainer.hpp"

#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <dv/npy.hpp>

#include <csignal>
#include <cstring>

namespace dvhost::testing {
namespace {

using loops::StageKind;
using loops::Trainer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Predict : public ::testing::Test {
protected:
    Predict() : folder(std::filesystem::path(::testing::TempDir()) / "dvhost_predict_XXXXXX") {
        std::string name = folder.string();
        folder = mkdtemp(name.data());
        e.predictions = folder / "out.npy";
        data.n_test = 6;  // what BoringData predicts, too
        model.weight.detach().copy_(at::ones({2, 4}));
    }
    ~Predict() override { std::filesystem::remove_all(folder); }

    void predict() { Trainer(e).run({StageKind::predict}); }
    std::string refusal() {
        try {
            predict();
        } catch (const dv::Error& error) {
            return error.what();
        }
        return "it was predicted";
    }
    std::vector<float> written() const {
        const dv::npy::Array array(e.predictions);
        std::vector<float> out(array.n_values());
        std::memcpy(out.data(), array.bytes().data(), array.bytes().size());
        return out;
    }

    std::filesystem::path folder;
    CollectingSink sink;
    loops::Experiment e = boring_experiment(sink);
    BoringModel& model = static_cast<BoringModel&>(*e.model);
    BoringData& data = static_cast<BoringData&>(*e.data);
};

/// Sample i holds i, i + 1, i + 2, i + 3; both rows of the weight are ones.
TEST_F(Predict, WritesOneRowPerSampleInTheirOrder) {
    predict();
    EXPECT_THAT(dv::npy::Array(e.predictions).shape(), ElementsAre(6, 1, 2));
    EXPECT_THAT(written(), ElementsAre(6, 6, 10, 10, 14, 14, 18, 18, 22, 22, 26, 26));
    EXPECT_TRUE(sink.rows.empty());
}

TEST_F(Predict, NeedsNoLossAndNoOptimizer) {
    e.loss.reset();
    e.optimizers.clear();
    predict();
    EXPECT_EQ(written().size(), 12u);
}

TEST_F(Predict, CallsItsPhasesInOrder) {
    std::vector<std::uint32_t> phases;
    e.callbacks.push_back(
        std::make_shared<FunctionCallback>([&](std::uint32_t phase, const dv_run& run, const dv_answer&) {
            phases.push_back(phase);
            EXPECT_TRUE(phase != DV_PREDICT_BATCH_END || run.stage == DV_STAGE_PREDICT);
        }));
    predict();
    EXPECT_THAT(phases, ElementsAre(DV_SETUP, DV_PREDICT_START, DV_PREDICT_EPOCH_START, DV_PREDICT_BATCH_START,
                                    DV_PREDICT_BATCH_END, DV_PREDICT_BATCH_START, DV_PREDICT_BATCH_END,
                                    DV_PREDICT_EPOCH_END, DV_PREDICT_END, DV_TEARDOWN));
}

TEST_F(Predict, TakesAsManyBatchesAsTold) {
    e.trainer.predict_batches.count = 1;
    predict();
    EXPECT_THAT(dv::npy::Array(e.predictions).shape(), ElementsAre(4, 1, 2));
}

TEST_F(Predict, InDoublePrecisionTheFileIsDouble) {
    e.trainer.precision = loops::Precision::full;
    predict();
    EXPECT_EQ(dv::npy::Array(e.predictions).type(), dv::npy::Type::float64);
}

TEST_F(Predict, RefusesDataWithNothingToPredict) {
    data.n_test = 0;
    EXPECT_THAT(refusal(), HasSubstr("no predict split"));
    data.n_test = 6;
    e.trainer.predict_batches.count = 0;
    EXPECT_THAT(refusal(), HasSubstr("limit_predict_batches is 0"));
}

TEST_F(Predict, AnInterruptLeavesNoHalfFile) {
    e.callbacks.push_back(std::make_shared<FunctionCallback>([](std::uint32_t phase, const dv_run&, const dv_answer&) {
        if (phase == DV_PREDICT_BATCH_START) std::raise(SIGINT);
    }));
    EXPECT_THROW(predict(), loops::Interrupted);
    EXPECT_TRUE(std::filesystem::is_empty(folder));
}

}  // namespace
}  // namespace dvhost::testing

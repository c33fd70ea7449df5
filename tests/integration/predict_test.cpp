/// From frames in a .npy file to outputs in one, against outputs computed here.

#include "program.hpp"

#include <dv/npy.hpp>

#include <cmath>
#include <cstring>

namespace dvhost::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Predict : public ProgramTest {
protected:
    static constexpr std::int64_t kSamples = 5, kSteps = 4, kPixels = 6;

    Predict() {
        std::vector<float> frames(kSamples * kPixels);
        for (std::size_t i = 0; i < frames.size(); ++i) frames[i] = std::sin(0.3f * static_cast<float>(i));
        save("frames.npy", {kSamples, 1, 2, 3}, frames);
        std::vector<std::int64_t> labels{0, 1, 0, 1, 1};
        dv::npy::Writer writer(folder / "labels.npy", dv::npy::Type::int64, {kSamples});
        writer.append(std::as_bytes(std::span(labels)));
        writer.commit();
        file("predict.toml", R"([run]
name = "predict"
[data]
type = "npy"
predict = "frames.npy"
n_classes = 1
batch_size = 2
[model]
type = "leaky_sum"
n_timesteps = 4
[plugins]
paths = [")" + std::string(LEAKY_SUM) +
                                 R"("]
)");
    }

    void save(const std::string& name, const dv::npy::Shape& shape, const std::vector<float>& values) const {
        dv::npy::Writer writer(folder / name, dv::npy::Type::float32, shape);
        writer.append(std::as_bytes(std::span(values)));
        writer.commit();
    }

    template <class T>
    std::vector<T> values(const std::filesystem::path& relative) const {
        const dv::npy::Array array(folder / relative);
        std::vector<T> out(array.n_values());
        EXPECT_EQ(array.bytes().size(), out.size() * sizeof(T));
        std::memcpy(out.data(), array.bytes().data(), array.bytes().size());
        return out;
    }

    /// What leaky_sum gives: y(t) = 1/2 y(t-1) + the sum of the sample's pixels.
    template <class T>
    static std::vector<T> expected() {
        std::vector<T> out;
        for (std::int64_t s = 0; s < kSamples; ++s) {
            T sum = 0, y = 0;
            for (std::int64_t i = 0; i < kPixels; ++i)
                sum += static_cast<T>(std::sin(0.3f * static_cast<float>(s * kPixels + i)));
            for (std::int64_t t = 0; t < kSteps; ++t) out.push_back(y = y / 2 + sum);
        }
        return out;
    }
};

TEST_F(Predict, WritesTheModelsOutputsInTheOrderOfTheData) {
    const Result result = dvhost({"predict", "predict.toml", "--out", "out.npy"});
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, AllOf(HasSubstr("predictions"), HasSubstr("out.npy")));
    EXPECT_THAT(dv::npy::Array(folder / "out.npy").shape(), ElementsAre(kSamples, kSteps, 1));
    const std::vector<float> found = values<float>("out.npy"), wanted = expected<float>();
    for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(found.at(i), wanted[i], 1e-5) << i;
    EXPECT_FALSE(std::filesystem::exists(folder / "out.npy.tmp"));
}

TEST_F(Predict, InDoublePrecisionTheFileIsDouble) {
    const Result result =
        dvhost({"predict", "predict.toml", "--out", "deeper/out.npy", "-o", "trainer.precision=64-true"});
    ASSERT_EQ(result.code, 0) << result.err;
    ASSERT_EQ(dv::npy::Array(folder / "deeper/out.npy").type(), dv::npy::Type::float64);
    const std::vector<double> found = values<double>("deeper/out.npy"), wanted = expected<double>();
    for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(found.at(i), wanted[i], 1e-13) << i;
}

TEST_F(Predict, WithoutAnOutFileTheRunFolderHasIt) {
    ASSERT_EQ(dvhost({"predict", "predict.toml"}).code, 0);
    EXPECT_EQ(values<float>("runs/predict/version_0/predictions.npy").size(), kSamples * kSteps);
}

TEST_F(Predict, TakesAsManyBatchesAsTold) {
    ASSERT_EQ(dvhost({"predict", "predict.toml", "--out", "out.npy", "-o", "trainer.limit_predict_batches=2"}).code, 0);
    EXPECT_THAT(dv::npy::Array(folder / "out.npy").shape(), ElementsAre(4, kSteps, 1));
}

TEST_F(Predict, TheStageFollowsTraining) {
    const Result result = dvhost({"run", tiny(), "-o", "run.stages=[\"fit\",\"predict\"]"});
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(dv::npy::Array(folder / "runs/tiny/version_0/predictions.npy").shape(), ElementsAre(32, 3, 3));
}

TEST_F(Predict, StartsFromWeights) {
    ASSERT_EQ(dvhost({"run", tiny(), "-o", "run.stages=[\"fit\",\"predict\"]"}).code, 0);
    const Result again = dvhost({"predict", "tiny.toml", "--weights",
                                 "runs/tiny/version_0/checkpoints/epoch=1-step=8.ckpt", "--out", "again.npy"});
    ASSERT_EQ(again.code, 0) << again.err;
    EXPECT_EQ(values<float>("again.npy"), values<float>("runs/tiny/version_0/predictions.npy"));
    ASSERT_EQ(dvhost({"predict", "tiny.toml", "--out", "fresh.npy"}).code, 0);
    EXPECT_NE(values<float>("again.npy"), values<float>("fresh.npy"));
}

TEST_F(Predict, TheModelIsToldThePlan) {
    const std::string only = "run.stages=[\"predict\"]";  // so that no loss is missed
    EXPECT_THAT(dvhost({"describe", "predict.toml", "-o", only}).out, HasSubstr("the plan is fast"));
    EXPECT_THAT(dvhost({"describe", "predict.toml", "-o", only, "-o", "engine.plan=reference"}).out,
                HasSubstr("the plan is reference"));
}

TEST_F(Predict, BothPlansGiveTheSame) {
    tiny();
    ASSERT_EQ(dvhost({"predict", "tiny.toml", "--out", "fast.npy", "-o", "trainer.precision=64-true"}).code, 0);
    ASSERT_EQ(dvhost({"predict", "tiny.toml", "--out", "reference.npy", "-o", "trainer.precision=64-true", "-o",
                      "engine.plan=reference"})
                  .code,
              0);
    const std::vector<double> fast = values<double>("fast.npy"), reference = values<double>("reference.npy");
    ASSERT_EQ(fast.size(), reference.size());
    for (std::size_t i = 0; i < fast.size(); ++i) EXPECT_NEAR(fast[i], reference[i], 1e-12);
}

TEST_F(Predict, DataWithoutThatSplitIsRefusedInOneSentence) {
    const Result result = dvhost(
        {"predict", "predict.toml", "-o", "data={type=\"npy\",train=\"frames.npy\",train_labels=\"labels.npy\"}"});
    EXPECT_EQ(result.code, 69);
    EXPECT_THAT(result.err, AllOf(HasSubstr("nothing to predict"), HasSubstr("no predict split")));
}

TEST_F(Predict, AFailureLeavesTheFormerFile) {
    file("out.npy", "the former one");
    EXPECT_NE(dvhost({"predict", "predict.toml", "--out", "out.npy", "-o", "data.predict=none.npy"}).code, 0);
    EXPECT_EQ(read("out.npy"), "the former one");
}

}  // namespace
}  // namespace dvhost::testing

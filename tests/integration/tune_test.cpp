/// dvhost tune lr and batch-size.

#include "program.hpp"

#include <nlohmann/json.hpp>

namespace dvhost::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using Tune = ProgramTest;

TEST_F(Tune, LrWritesCurveAndFigureAndSuggestsARate) {
    const Result result = dvhost({"tune", "lr", tiny(), "--steps", "40", "--min-lr", "1e-5", "--max-lr", "0.1", "-o", "model.readout=flatten"});
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("suggested: optimizer.lr = "));
    const auto json = nlohmann::json::parse(read("runs/tiny/tune/version_0/lr_find.json"));
    EXPECT_EQ(json.at("lr").size(), json.at("loss").size());
    EXPECT_GT(json.at("suggestion").get<double>(), 1e-5);
    EXPECT_LT(json.at("suggestion").get<double>(), 0.1);
    EXPECT_THAT(read("runs/tiny/tune/version_0/lr_find.svg"), AllOf(HasSubstr("<svg"), HasSubstr("<polyline"), HasSubstr("suggested")));
    EXPECT_FALSE(std::filesystem::exists(folder / "runs/tiny/tune/version_0/metrics.csv"));
    EXPECT_FALSE(std::filesystem::exists(folder / "runs/tiny/tune/version_0/checkpoints"));
}

TEST_F(Tune, LrGivesTheSameCurveAgain) {
    const std::vector<std::string> words{"tune", "lr", tiny(), "--steps", "20"};
    ASSERT_EQ(dvhost(words).code, 0);
    ASSERT_EQ(dvhost(words).code, 0);
    EXPECT_EQ(read("runs/tiny/tune/version_0/lr_find.json"), read("runs/tiny/tune/version_1/lr_find.json"));
}

TEST_F(Tune, BatchSizeStopsAtTheTrainingSamples) {
    const Result result = dvhost({"tune", "batch-size", tiny()});
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("suggested: data.batch_size = 64 (that is all training samples)"));
    const auto json = nlohmann::json::parse(read("runs/tiny/tune/version_0/batch_size.json"));
    EXPECT_EQ(json.at("batch_size"), 64);
    EXPECT_EQ(json.at("trials").size(), 6u);
}

TEST_F(Tune, BatchSizeSurvivesMemoryRunningOut) {
    const Result result = dvhost({"tune", "batch-size", tiny(), "--mode", "binsearch", "--memory", "200", "--steps-per-trial", "1", "-o", "data.n_train=4096",
                                  "-o", "data.height=64", "-o", "data.width=64", "-o", "model.layer.0.conv={channels=32}"});
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, AllOf(HasSubstr("suggested: data.batch_size = "), HasSubstr("memory ran out with")));
    EXPECT_THAT(result.err, AllOf(HasSubstr(" fit"), HasSubstr("do not fit into memory")));
}

TEST_F(Tune, RefusesWhatMakesNoSense) {
    EXPECT_EQ(dvhost({"tune", "lr", tiny(), "--max-lr", "1e-9"}).code, 64);
    EXPECT_EQ(dvhost({"tune", "lr", tiny(), "-o", "trainer.fast_dev_run=1"}).code, 64);
    EXPECT_EQ(dvhost({"tune", "batch-size", tiny(), "--mode", "guess"}).code, 64);
    EXPECT_THAT(dvhost({"tune", "batchsize", tiny()}).err, HasSubstr("did you mean 'tune batch-size'"));
}

}  // namespace
}  // namespace dvhost::testing

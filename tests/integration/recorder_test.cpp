/// [[recorder]] tables with the real program.

#include "program.hpp"

namespace dvhost::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class Recorder : public ProgramTest {
protected:
    Result run(const std::vector<std::string>& overrides) {
        std::vector<std::string> words{"run", tiny(), "-o", "run.dir=here"};
        for (const std::string& o : overrides) words.insert(words.end(), {"-o", o});
        return dvhost(words);
    }
    std::filesystem::path responses() const {
        for (const auto& e : std::filesystem::recursive_directory_iterator(folder / "here")) {
            if (e.path().filename() == "responses") return e.path();
        }
        return folder / "none";
    }
};

TEST_F(Recorder, TakesTheEpochsOfTraining) {
    const Result result = run({"run.stages=[\"fit\"]", "recorder+={stages=[\"train\",\"validate\"],n_samples=20}"});
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_TRUE(std::filesystem::exists(responses() / "responses_train.npz"));
    EXPECT_TRUE(std::filesystem::exists(responses() / "responses_validate.npz"));
    EXPECT_THAT(result.err, HasSubstr("20 of 64 presentations"));
}

TEST_F(Recorder, EndsATestThatHasShownEnough) {
    const Result result = run({"run.stages=[\"test\"]", "recorder+={n_samples=10}", "trainer.early_test_stop=true"});
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.err, AllOf(HasSubstr("the test ends after 1 of 2 batches"), HasSubstr("10 of 16 presentations")));
}

TEST_F(Recorder, AnEndThatWouldNeverComeIsRefused) {
    const auto refused = [&](const std::vector<std::string>& overrides) {
        std::vector<std::string> all{"run.stages=[\"test\"]", "trainer.early_test_stop=true"};
        all.insert(all.end(), overrides.begin(), overrides.end());
        const Result result = run(all);
        EXPECT_NE(result.code, 0);
        return result.err;
    };
    EXPECT_THAT(refused({}), HasSubstr("no [[recorder]] has \"test\" among its stages"));
    EXPECT_THAT(refused({"recorder+={name=\"last\",policy=\"cyclic\"}"}),
                AllOf(HasSubstr("recorder 'last' never is"), HasSubstr("policy = \"fixed\"")));
    EXPECT_THAT(refused({"recorder+={name=\"all\",n_samples=-1}"}), HasSubstr("recorder 'all' never is"));
}

TEST_F(Recorder, ALayerThatThereIsNotIsNamed) {
    const Result result = run({"recorder+={layers=[\"V1\",\"V7\"]}"});
    EXPECT_NE(result.code, 0);
    EXPECT_THAT(result.err, AllOf(HasSubstr("[recorder.0] 'layers' has 'V7'"), HasSubstr("have: 'V1'"), Not(HasSubstr("crash"))));
}

}  // namespace
}  // namespace dvhost::testing

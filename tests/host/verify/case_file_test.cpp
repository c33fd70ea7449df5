#include "verify/case_file.hpp"
#include "verify/report.hpp"

#include <gmock/gmock.h>

#include <unistd.h>
#include <filesystem>
#include <fstream>

namespace dvhost::verify {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class CaseFile : public ::testing::Test {
protected:
    CaseFile()
        : folder_(std::filesystem::path(::testing::TempDir()) / "dvhost_verify_XXXXXX"),
          plugins_(registry::Registry::scan(registry::search_path({}, {DVHOST_PLUGINS}))) {
        std::string name = folder_.string();
        folder_ = mkdtemp(name.data());
    }
    ~CaseFile() override {
        plugins_.shut_down();
        std::filesystem::remove_all(folder_);
    }

    std::filesystem::path file(const std::string& text) const {
        std::ofstream(folder_ / "cases.toml") << text;
        return folder_ / "cases.toml";
    }
    std::vector<Case> read(const std::string& text, const std::string& only = "*") const {
        return read_cases(file(text), only, plugins_);
    }

    /// What is wrong, one text per problem, without the folder.
    std::vector<std::string> problems(const std::string& text, const std::string& only = "*") const {
        std::vector<std::string> out;
        try {
            read(text, only);
        } catch (const CaseFileError& error) {
            for (const manifest::Problem& p : error.problems) {
                std::string one = p.text();
                if (one.starts_with(folder_.string())) one.erase(0, folder_.string().size() + 1);
                out.push_back(std::move(one));
            }
        }
        return out;
    }
    std::string problem(const std::string& text) const {
        const auto all = problems(text);
        return all.empty() ? "it was accepted" : all.front();
    }

    CaseResult computed(const std::string& text) {
        logging::Console console(STDERR_FILENO);
        logging::HostLog log(console, DV_LOG_ERROR);
        Selection selection;
        selection.plans = {dv::EnginePlan::fast, dv::EnginePlan::reference};
        return run_case(read(text).at(0), selection, plugins_, console, log);
    }

    std::filesystem::path folder_;
    registry::Registry plugins_;
};

const std::string kFunction = R"([[case]]
id = "square"
kind = "function"
call = "supralinearity"
args = { x = [2.0, -3.0], exponent = 2.0, gain = 1.0 }
)";

const std::string kModel = R"([[case]]
id = "tiny"
kind = "forward"
fill = "none"
input = 3.0
weights = { "L.conv.weight" = 2.0, "L.conv.bias" = 0.0, "classifier.2.weight" = 1.0, "classifier.2.bias" = 0.5 }
model = { type = "rcnn", n_classes = 1, input_dims = [1, 2, 2], n_timesteps = 2, dt = 1.0, tau = 2.0, recurrence = "none", layer = [{ name = "L", conv = { channels = 1, kernel = 1 } }] }
)";

TEST_F(CaseFile, ReadsNumbersWithTheirLastDigit) {
    const auto cases = read(kFunction + "expect = { y = [4.00, -9], z = 1.5e-7 }\n");
    ASSERT_THAT(cases, SizeIs(1));
    ASSERT_THAT(cases[0].expected, SizeIs(2));
    const std::vector<Written>& y = cases[0].expected[0].values;
    ASSERT_THAT(y, SizeIs(2));
    EXPECT_DOUBLE_EQ(y[0].unit, 0.01) << "a zero at the end counts";
    EXPECT_EQ(y[1].unit, 0.0);
    EXPECT_DOUBLE_EQ(cases[0].expected[1].values[0].unit, 1e-8);
}

TEST_F(CaseFile, NestedTablesOfExpectBecomeDottedNames) {
    const auto cases = read(kFunction + "expect = { y = [[4.0], [\"absent\"]], gradients = { \"a.b\" = 1.0 } }\n");
    EXPECT_EQ(cases[0].expected[0].values.size(), 2u);
    EXPECT_TRUE(cases[0].expected[0].values[1].absent);
    EXPECT_EQ(cases[0].expected[1].name, "gradients.a.b");
}

TEST_F(CaseFile, ComputesAFunction) {
    const CaseResult result = computed(kFunction + "expect = { y = [4.0, -9.0] }\n");
    EXPECT_TRUE(result.passed()) << line(result, 10);
    EXPECT_THAT(result.outcomes, SizeIs(1));
}

/// One step of Euler with dt / tau = 1/2: y <- y/2 + drive/2, then the classifier adds 0.5; the drive is 2 · 3.
TEST_F(CaseFile, ComputesAModelWithBothPlans) {
    const CaseResult result =
        computed(kModel + "expect = { out_b0_k0 = [3.5, 5.0], out_last = 5.0, sum = 8.5, residual_timesteps = 0 }\n");
    EXPECT_TRUE(result.passed()) << line(result, 10);
    EXPECT_THAT(result.outcomes, SizeIs(2));
    EXPECT_EQ(result.outcomes[1].plan, "reference");
}

TEST_F(CaseFile, TellsWhatDivergedFirst) {
    const CaseResult result = computed(kModel + "expect = { out_b0_k0 = [3.5, 5.10] }\n");
    EXPECT_FALSE(result.passed());
    EXPECT_THAT(line(result, 10), AllOf(HasSubstr("FAIL"), HasSubstr("tiny"),
                                        HasSubstr("out_b0_k0[1]: expected 5.1, found 5"), HasSubstr("tolerance 0.02")));
}

TEST_F(CaseFile, AWrongLengthOfExpectIsNamedWithItsPlace) {
    const CaseResult result = computed(kModel + "expect = { out_b0_k0 = [3.5] }\n");
    EXPECT_THAT(line(result, 10),
                AllOf(HasSubstr("cases.toml:8:12"), HasSubstr("'out_b0_k0' is 1 value"), HasSubstr("gives 2")));
}

TEST_F(CaseFile, AModelThatCannotBeBuiltIsNamedWithItsPlace) {
    const CaseResult result = computed(R"([[case]]
id = "narrow"
kind = "count"
model = { type = "rcnn", n_classes = 1, input_dims = [1, 2, 2], layer = [{ name = "L", conv = { channels = 1, kernel = 9, padding = 0 } }] }
expect = { parameters = 1 }
)");
    EXPECT_THAT(line(result, 10),
                AllOf(HasSubstr("cases.toml:4:"), HasSubstr("the model cannot be built"), HasSubstr("L")));
}

TEST_F(CaseFile, AWeightThatTheModelLacksIsNamed) {
    const CaseResult result = computed(R"([[case]]
id = "named"
kind = "forward"
weights = { "M.conv.weight" = 1.0 }
model = { type = "rcnn", n_classes = 1, input_dims = [1, 2, 2], recurrence = "none", layer = [{ name = "L", conv = { channels = 1 } }] }
expect = { sum = 1.0 }
)");
    EXPECT_THAT(line(result, 10), AllOf(HasSubstr("no tensor 'M.conv.weight'"), HasSubstr("L.conv.weight")));
}

TEST_F(CaseFile, PicksCasesByPattern) {
    const std::string two = kFunction + "expect = { y = [4.0, -9.0] }\n" + kModel + "expect = { sum = 8.5 }\n";
    EXPECT_THAT(read(two, "ti*"), SizeIs(1));
    EXPECT_THAT(problems(two, "x*"),
                ElementsAre(AllOf(HasSubstr("no case's id fits 'x*'"), HasSubstr("square, tiny"))));
}

// ---- Mistakes ------------------------------------------------------------------------------------------------------------

TEST_F(CaseFile, RefusesFilesThatHoldNoCases) {
    EXPECT_THROW(read_cases(folder_ / "none.toml", "*", plugins_), CaseFileError);
    EXPECT_THAT(problem("cases = 1\n"), AllOf(HasSubstr("cases.toml:1:1"), HasSubstr("[[case]]")));
    EXPECT_THAT(problem("x ="), HasSubstr("cases.toml:1:"));
}

TEST_F(CaseFile, RefusesAnUnknownKind) {
    EXPECT_THAT(problem("[[case]]\nid = \"a\"\nkind = \"forwards\"\nexpect = { x = 1.0 }\n"),
                AllOf(HasSubstr("cases.toml:3:8"), HasSubstr("[case a]"), HasSubstr("did you mean 'forward'?"),
                      HasSubstr("forward, layers, train, count, function")));
}

TEST_F(CaseFile, RefusesAnUnknownKey) {
    EXPECT_THAT(problem(kModel + "frames_of = [1]\nexpect = { sum = 1.0 }\n"),
                AllOf(HasSubstr("cases.toml:8:1"), HasSubstr("unknown key 'frames_of'"),
                      HasSubstr("did you mean 'frames_off'?")));
}

TEST_F(CaseFile, RefusesAnUnknownCallAndArgument) {
    EXPECT_THAT(
        problem("[[case]]\nid = \"a\"\nkind = \"function\"\ncall = \"solve\"\nargs = {}\nexpect = { x = 1.0 }\n"),
        AllOf(HasSubstr("cases.toml:4:8"), HasSubstr("'solve'"), HasSubstr("solver")));
    EXPECT_THAT(problem("[[case]]\nid = \"a\"\nkind = \"function\"\ncall = \"supralinearity\"\nargs = { x = 1.0, power "
                        "= 2.0 }\nexpect = { y = 1.0 }\n"),
                AllOf(HasSubstr("cases.toml:5:19"), HasSubstr("unknown key 'power'"), HasSubstr("gain")));
}

TEST_F(CaseFile, RefusesWhatIsMissing) {
    EXPECT_THAT(problem("[[case]]\nkind = \"count\"\nexpect = { x = 1 }\n"),
                AllOf(HasSubstr("[case number 1]"), HasSubstr("no 'id'")));
    EXPECT_THAT(problem(kFunction), HasSubstr("has no 'expect'"));
    EXPECT_THAT(problem(kFunction + "expect = {}\n"), HasSubstr("at least one value"));
    EXPECT_THAT(problem("[[case]]\nid = \"a\"\nkind = \"count\"\nexpect = { parameters = 1 }\n"),
                HasSubstr("has no 'model'"));
}

TEST_F(CaseFile, RefusesAModelThatNoPluginHas) {
    EXPECT_THAT(problem("[[case]]\nid = \"a\"\nkind = \"count\"\nmodel = { type = \"rcn\", n_classes = 1, input_dims = "
                        "[1, 2, 2] }\nexpect = { parameters = 1 }\n"),
                AllOf(HasSubstr("cases.toml:4:18"), HasSubstr("no model 'rcn'"), HasSubstr("'rcnn'")));
}

TEST_F(CaseFile, RefusesAKeyThatTheModelDoesNotHave) {
    EXPECT_THAT(problem("[[case]]\nid = \"a\"\nkind = \"count\"\nmodel = { type = \"rcnn\", n_classes = 1, input_dims "
                        "= [1, 2, 2], n_timestep = 3 }\nexpect = { parameters = 1 }\n"),
                AllOf(HasSubstr("[case a.model]"), HasSubstr("unknown key 'n_timestep'"),
                      HasSubstr("did you mean 'n_timesteps'?")));
}

TEST_F(CaseFile, AsksForWhatDataWouldTell) {
    EXPECT_THAT(
        problems("[[case]]\nid = \"a\"\nkind = \"count\"\nmodel = { type = \"rcnn\" }\nexpect = { parameters = 1 }\n"),
        ::testing::IsSupersetOf({HasSubstr("needs n_classes"), HasSubstr("needs input_dims")}));
}

TEST_F(CaseFile, RefusesAnInputOfTheWrongSize) {
    const std::string text = kModel + "expect = { sum = 1.0 }\n";
    std::string wrong = text;
    wrong.replace(wrong.find("input = 3.0"), 11, "input = [1.0, 2.0, 3.0]");
    EXPECT_THAT(problem(wrong), AllOf(HasSubstr("cases.toml:5:9"), HasSubstr("3 values"), HasSubstr("4 for a sample")));
}

TEST_F(CaseFile, RefusesStepsThatThereAreNot) {
    EXPECT_THAT(problem(kModel + "frames_off = [2]\nexpect = { sum = 1.0 }\n"),
                AllOf(HasSubstr("cases.toml:8:14"), HasSubstr("0 to 1")));
    EXPECT_THAT(problem(kModel + "frames_off = [1]\nframes_on = [0]\nexpect = { sum = 1.0 }\n"),
                HasSubstr("give one of them"));
}

TEST_F(CaseFile, RefusesLabelsThatDoNotFitTheBatch) {
    EXPECT_THAT(
        problem("[[case]]\nid = \"a\"\nkind = \"train\"\nbatch = 2\nlabels = [0]\noptimizer = { type = \"adam\" }\n"
                "model = { type = \"rcnn\", n_classes = 1, input_dims = [1, 2, 2], layer = [{ name = \"L\", conv = { "
                "channels = 1 } }] }\n"
                "expect = { loss = 1.0 }\n"),
        AllOf(HasSubstr("1 labels for a batch of 2")));
}

TEST_F(CaseFile, RefusesAnIdThatComesTwice) {
    const std::string one = kFunction + "expect = { y = [4.0, -9.0] }\n";
    EXPECT_THAT(problem(one + one), AllOf(HasSubstr("cases.toml:7:1"), HasSubstr("'square' above already")));
}

TEST_F(CaseFile, RefusesToleranceInAnotherForm) {
    const std::string text = kFunction + "expect = { y = [4.0, -9.0] }\n";
    EXPECT_THAT(problem(text + "tolerance = 1e-3\n"), HasSubstr("{ \"*\" = { relative = 1e-12 }"));
    EXPECT_THAT(problem(text + "tolerance = { y = { relativ = 1e-3 } }\n"), HasSubstr("did you mean 'relative'?"));
}

TEST_F(CaseFile, TellsAllMistakesAtOnce) {
    EXPECT_THAT(problems("[[case]]\nid = \"a\"\nkind = \"nothing\"\n[[case]]\nid = \"b\"\nkind = \"function\"\ncall = "
                         "\"none\"\nargs = {}\n"),
                SizeIs(4));
}

TEST_F(CaseFile, JsonTellsTheSame) {
    const CaseResult good = computed(kFunction + "expect = { y = [4.0, -9.0] }\n");
    const CaseResult bad = computed(kModel + "expect = { out_b0_k0 = [3.5, 5.10] }\n");
    const std::string text = json({good, bad}, "cases.toml", {});
    EXPECT_THAT(text,
                AllOf(HasSubstr("\"failed\": 1"), HasSubstr("\"id\": \"tiny\""), HasSubstr("\"name\": \"out_b0_k0\""),
                      HasSubstr("\"index\": 1"), HasSubstr("\"precision\": 64")));
}

}  // namespace
}  // namespace dvhost::verify

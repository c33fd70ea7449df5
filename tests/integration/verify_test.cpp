/// The shipped suites with the real program, and what it says of cases that fail.

#include "program.hpp"

#include <nlohmann/json.hpp>

namespace dvhost::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using Verify = ProgramTest;

/// Lines of the report that do not say "ok": what the suite failed on.
std::string failures(const Result& result) {
    std::string out = result.err;
    for (const std::string& line : lines(result.out)) {
        if (line.starts_with("FAIL")) out += line + "\n";
    }
    return out;
}

TEST_F(Verify, DynVisionsValuesWithTheFastPlan) {
    const Result result = dvhost({"verify", "--suite", "dynvision", "--plan", "fast"});
    EXPECT_EQ(result.code, 0) << failures(result);
    EXPECT_THAT(result.out,
                AllOf(HasSubstr("G01"), HasSubstr("C2_layers"), HasSubstr("T5"), HasSubstr("all as expected")));
}

TEST_F(Verify, DynVisionsValuesWithTheReferencePlan) {
    const Result result = dvhost({"verify", "--suite", "dynvision", "--plan", "reference"});
    EXPECT_EQ(result.code, 0) << failures(result);
}

TEST_F(Verify, DynVisionsValuesInSinglePrecision) {
    const Result result = dvhost({"verify", "--suite", "dynvision", "--precision", "32", "--plan", "fast"});
    EXPECT_EQ(result.code, 0) << failures(result);
}

TEST_F(Verify, AnalyticAnswersWithBothPlans) {
    const Result result = dvhost({"verify", "--suite", "analytic"});
    EXPECT_EQ(result.code, 0) << failures(result);
    EXPECT_THAT(result.out, AllOf(HasSubstr("fast, reference"), HasSubstr("all as expected")));
}

TEST_F(Verify, ACaseThatDivergesEndsWithACodeAndNamesTheValue) {
    file("cases.toml", R"([[case]]
id = "wrong"
kind = "function"
call = "supralinearity"
args = { x = [1.0, 2.0], exponent = 2.0, gain = 1.0 }
expect = { y = [1.0, 4.5] }
)");
    const Result result = dvhost({"verify", "--cases", "cases.toml"});
    EXPECT_EQ(result.code, 69);
    EXPECT_THAT(result.out, AllOf(HasSubstr("FAIL"), HasSubstr("y[1]: expected 4.5, found 4, tolerance 0.2"),
                                  HasSubstr("1 case, 1 failed")));
}

TEST_F(Verify, JsonIsForPrograms) {
    file("cases.toml", R"([[case]]
id = "right"
kind = "function"
call = "ring_buffer"
args = { size = 2, append = [1.0, 2.0, 3.0], back = [1, 2] }
expect = { values = [3, 2] }
)");
    const Result result = dvhost({"verify", "--cases", "cases.toml", "--json"});
    ASSERT_EQ(result.code, 0) << result.err;
    const auto told = nlohmann::json::parse(result.out);
    EXPECT_EQ(told["failed"], 0);
    EXPECT_EQ(told["cases"][0]["id"], "right");
    EXPECT_EQ(told["cases"][0]["outcomes"][0]["values"], 2);
}

TEST_F(Verify, MistakesInTheFileAreToldWithTheirPlaceAndNothingIsRun) {
    file("cases.toml", "[[case]]\nid = \"a\"\nkind = \"fowrard\"\nexpect = { x = 1.0 }\n");
    const Result result = dvhost({"verify", "--cases", "cases.toml"});
    EXPECT_EQ(result.code, 65);
    EXPECT_THAT(result.err, AllOf(HasSubstr("cases.toml:3:8"), HasSubstr("did you mean 'forward'?"),
                                  HasSubstr("1 problem in the case file")));
}

TEST_F(Verify, SaysWhatItTakes) {
    EXPECT_EQ(dvhost({"verify"}).code, 64);
    EXPECT_THAT(dvhost({"verify", "--suite", "dinvision"}).err,
                AllOf(HasSubstr("no suite 'dinvision'"), HasSubstr("analytic, dynvision")));
    EXPECT_EQ(dvhost({"verify", "--suite", "analytic", "--plan", "slow"}).code, 64);
    EXPECT_EQ(dvhost({"verify", "--suite", "analytic", "--precision", "16"}).code, 64);
}

}  // namespace
}  // namespace dvhost::testing

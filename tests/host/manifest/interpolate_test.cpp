#include "manifest_fixture.hpp"

namespace dvhost::manifest::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using InterpolateTest = ManifestTest;

TEST_F(InterpolateTest, InsertsStringsNumbersAndBools) {
    const Node root = load_text(
        "dir = \"runs/${run.name}-${run.seed}/${run.lr}/${run.fast}/${l.1}\"\n"
        "l = [\"a\", \"b\"]\n"
        "[run]\nname = \"x\"\nseed = 42\nlr = 1.0\nfast = false\n");
    EXPECT_EQ(at(root, "dir").as_string(), "runs/x-42/1.0/false/b");
    EXPECT_EQ(at(root, "dir").source().text(), "m.toml:1:7");
}

TEST_F(InterpolateTest, InsertsTheEnvironmentInListsAndTablesToo) {
    const Variable home("DVHOST_TEST_HOME", "/data/${run.name}");
    const Node root = load_text("l = [{ p = \"${env:DVHOST_TEST_HOME}/x\" }]\n");
    EXPECT_EQ(at(root, "l.0.p").as_string(), "/data/${run.name}/x") << "what is inserted is not searched again";
}

TEST_F(InterpolateTest, AnEmptyVariableIsSet) {
    const Variable empty("DVHOST_TEST_EMPTY", "");
    EXPECT_EQ(at(load_text("a = \"<${env:DVHOST_TEST_EMPTY}>\"\n"), "a").as_string(), "<>");
}

TEST_F(InterpolateTest, FollowsChainsInAnyOrder) {
    const Node root = load_text("a = \"a${b}\"\nb = \"b${c}${c}\"\nc = \"c\"\nd = \"${b}${a}\"\n");
    EXPECT_EQ(at(root, "a").as_string(), "abcc");
    EXPECT_EQ(at(root, "d").as_string(), "bccabcc");
}

TEST_F(InterpolateTest, SeesOverrides) {
    EXPECT_EQ(
        at(load_text("dir = \"${run.name}\"\n[run]\nname = \"a\"\n", {"run.name=b", "x=${dir}!"}), "x").as_string(),
        "b!");
}

TEST_F(InterpolateTest, TwoDollarsStandForTheCharacters) {
    const Node root = load_text("a = \"$${x} $ $$ $x {} $$${y} ${b}\"\nb = \"$${b}\"\n");
    EXPECT_EQ(at(root, "a").as_string(), "${x} $ $$ $x {} $${y} ${b}");
}

TEST_F(InterpolateTest, AVariableThatIsNotSetIsRefusedWithThePlace) {
    EXPECT_THAT(
        problems_in("[data]\npath = \"${env:DVHOST_TEST_UNSET}/x\"\n"),
        ElementsAre("m.toml:2:8: 'data.path' needs the environment variable DVHOST_TEST_UNSET, which is not set "
                    "('${env:DVHOST_TEST_UNSET}')"));
}

TEST_F(InterpolateTest, AVariableThatIsNotUtf8IsRefused) {
    const Variable latin("DVHOST_TEST_LATIN", "caf\xE9");
    EXPECT_THAT(problems_in("a = \"${env:DVHOST_TEST_LATIN}\"\n"), ElementsAre(HasSubstr("whose value is not UTF-8")));
}

TEST_F(InterpolateTest, AReferenceToNothingIsRefusedWithASuggestion) {
    EXPECT_THAT(problems_in("dir = \"${run.nam}\"\n[run]\nname = \"x\"\n"),
                ElementsAre("m.toml:1:7: 'dir' refers to '${run.nam}', which the manifest does not set; "
                            "did you mean '${run.name}'?"));
    EXPECT_THAT(problems_in("dir = \"${l.2}\"\nl = [1]\n"), ElementsAre(HasSubstr("which the manifest does not set")));
    EXPECT_THAT(problems_in("dir = \"${run}\"\n[run]\n"),
                ElementsAre(HasSubstr("which is a table; expected a string, a number or a bool")));
}

TEST_F(InterpolateTest, MalformedReferencesAreRefused) {
    EXPECT_THAT(problems_in("a = \"${b\"\n"), ElementsAre(HasSubstr("holds '${' without '}'; write $${")));
    EXPECT_THAT(problems_in("a = \"${}\"\n"), ElementsAre(HasSubstr("the key is empty")));
    EXPECT_THAT(problems_in("a = \"${b.}\"\n"), ElementsAre(HasSubstr("a key is empty")));
    EXPECT_THAT(problems_in("a = \"${env:}\"\n"),
                ElementsAre(HasSubstr("expected the name of an environment variable")));
    EXPECT_THAT(problems_in("a = \"${env:A-B}\"\n"),
                ElementsAre(HasSubstr("expected the name of an environment variable")));
    EXPECT_THAT(problems_in("a = \"${b.${c}}\"\nc = 1\n"), ElementsAre(HasSubstr("expected ${path.to.key}")));
    EXPECT_THAT(problems_in("a = \"${ENV:HOME}\"\n"), ElementsAre(HasSubstr("did you mean '${env:HOME}'?")));
}

TEST_F(InterpolateTest, ACycleIsRefusedOnceAndItsChainShown) {
    EXPECT_THAT(problems_in("user = \"${a}\"\na = \"${b}\"\nb = \"${t.c}\"\n[t]\nc = \"${a}\"\n"),
                ElementsAre("m.toml:5:5: 't.c' refers to itself: a -> b -> t.c -> a"));
    EXPECT_THAT(problems_in("a = \"x${a}\"\n"), ElementsAre("m.toml:1:5: 'a' refers to itself: a -> a"));
}

TEST_F(InterpolateTest, EachProblemOfAStringIsReportedAndItsUsersAreNot) {
    EXPECT_THAT(problems_in("a = \"${x}${env:DVHOST_TEST_UNSET}\"\nb = \"${a}${a}\"\n"),
                ElementsAre(HasSubstr("'${x}'"), HasSubstr("DVHOST_TEST_UNSET")));
}

TEST_F(InterpolateTest, StringsThatDoubleEachOtherAreStopped) {
    std::string text = "s0 = \"0123456789\"\n";
    for (int i = 1; i < 60; ++i) {
        const std::string below = "${s" + std::to_string(i - 1) + "}";
        text += "s" + std::to_string(i) + " = \"" + below + below + "\"\n";
    }
    EXPECT_THAT(problems_in(text), ElementsAre(HasSubstr("grow to more than 16 MiB")));
}

TEST_F(InterpolateTest, ChainsAreLimitedInBothDirections) {
    const auto chain = [](int length, bool backwards) {
        std::string text;
        for (int i = 0; i < length; ++i) {
            const int k = backwards ? length - 1 - i : i;
            text += "s" + std::to_string(k) + " = \"${s" + std::to_string(k + 1) + "}\"\n";
        }
        return text + "s" + std::to_string(length) + " = \"end\"\n";
    };
    for (const bool backwards : {false, true}) {
        EXPECT_EQ(at(load_text(chain(64, backwards)), "s0").as_string(), "end");
        EXPECT_THAT(problems_in(chain(2000, backwards)),
                    ::testing::Contains(HasSubstr("a chain of more than 64 references")));
    }
}

}  // namespace
}  // namespace dvhost::manifest::testing

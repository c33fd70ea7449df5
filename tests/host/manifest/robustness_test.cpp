/// Many problems at once, and text that nobody would write.
#include "manifest_fixture.hpp"

#include <algorithm>
#include <random>

namespace dvhost::manifest::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

class RobustnessTest : public ManifestTest {};

TEST_F(RobustnessTest, AllProblemsAreReportedAtOnce) {
    write_file("a.toml", "x = \n");
    write_file("b.toml", "y = 1\ny = 2\n");
    write_file("c.toml", "s = \"text\"\nl = [1]\n");
    const LoadRequest request{{"a.toml", "b.toml", "c.toml"}, {"no_equals", "s.x=1", "l.4=1"}};
    EXPECT_THAT(
        problems_of(request),
        ElementsAre(StartsWith("a.toml:1:"), StartsWith("b.toml:2:"), StartsWith("command line (-o no_equals): "),
                    StartsWith("command line (-o s.x=1): "), StartsWith("command line (-o l.4=1): ")));
    try {
        load(request);
        FAIL() << "expected a ManifestError";
    } catch (const ManifestError& error) {
        EXPECT_EQ(error.problems.size(), 5U);
        const std::string what = error.what();
        EXPECT_EQ(std::count(what.begin(), what.end(), '\n'), 4);
        for (const Problem& problem : error.problems) EXPECT_THAT(what, HasSubstr(problem.text()));
    }
}

TEST_F(RobustnessTest, ProblemsOfEveryStageAreCollected) {
    write_file(
        "m.toml",
        "include = [\"absent.toml\"]\nday = 1979-05-27\na = \"${env:DVHOST_TEST_UNSET}\"\n[merge]\nq = \"append\"\n");
    EXPECT_THAT(
        problems_of({{"m.toml"}, {"x="}}),
        UnorderedElementsAre(HasSubstr("absent.toml"), HasSubstr("dates and times"), HasSubstr("DVHOST_TEST_UNSET"),
                             HasSubstr("[merge] names 'q'"), HasSubstr("the value is empty")));
}

TEST_F(RobustnessTest, WhatMayBeInARefusedFileIsNotReportedAsAbsent) {
    write_file("a.toml", "[[logger]]\ntype = csv\n[run]\nname = \"x\"\n");
    write_file("b.toml", "dir = \"${run.name}\"\n");
    EXPECT_THAT(problems_of({{"a.toml", "b.toml"}, {"logger.0.type=jsonl"}}), ElementsAre(StartsWith("a.toml:2:8: ")));
}

/// One of: change a byte, drop some, double some, insert a piece of syntax.
std::string mutated(std::string text, std::mt19937_64& random) {
    static constexpr std::string_view kPieces[] = {
        "[",  "]",   "{", "}",   "[[",     "]]", "\"", "\"\"\"", "'",    "'''",  "=",
        ".",  ",",   "#", "\n",  "\\",     "${", "}",  "$${",    "env:", "\xC3", std::string_view("\0", 1),
        "\r", "nan", "-", "1e9", "include"};
    const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
    for (std::size_t n = 1 + below(2); n > 0 && !text.empty(); --n) {
        const std::size_t place = below(text.size());
        const std::size_t length = 1 + below(12);
        switch (below(4)) {
            case 0: text[place] = static_cast<char>(below(256)); break;
            case 1: text.erase(place, length); break;
            case 2: text.insert(below(text.size()), text.substr(place, length)); break;
            default: text.insert(place, kPieces[below(std::size(kPieces))]);
        }
    }
    return text;
}

TEST_F(RobustnessTest, TenThousandMutationsLoadOrAreRefusedAndWhatLoadsCanBeWritten) {
    constexpr std::string_view kManifest =
        "include = \"base.toml\"\n"
        "[run]\nname = \"quickstart\"\nseed = 42\ndir = \"runs/${run.name}\"\n"
        "[model]\ntype = 'rcnn'\ndt = 2.0\nrecurrence = { type = \"full\", kernel = 0x3 }\n"
        "text = \"\"\"\na \\\"b\\\" \\u00e9\n\"\"\"\nliteral = '''x'y'''\n"
        "[[logger]]\ntype = \"csv\"\n[[logger]]\ntype = \"console\"\n[logger.a.b]\nlist = [1, 2.5, [true], {x = "
        "-1e-3}]\n"
        "[merge]\nlogger = \"append\"\n";
    const std::vector<std::string> overrides{"model.recurrence.type=self", "logger.0.type=jsonl",
                                             "callback+={type=\"ema\"}"};
    write_file("base.toml", "[data]\npath = \"/a\"\n[[logger]]\ntype = \"jsonl\"\n");
    std::mt19937_64 random(2024);
    int loaded = 0;
    int refused = 0;
    for (int i = 0; i < 10'000; ++i) {
        const std::string& option = overrides[static_cast<std::size_t>(i) % overrides.size()];
        const bool mutates_file = i % 4 != 0;
        const std::string text = mutates_file ? mutated(std::string(kManifest), random) : std::string(kManifest);
        const LoadRequest request{{"m.toml"}, {mutates_file ? option : mutated(option, random)}};
        write_file("m.toml", text);
        try {
            const Node root = load(request);
            ++loaded;
            write_file("written.toml", write(root, true));
            ASSERT_TRUE(same(load({{"written.toml"}, {}}), root)) << text << "\n" << request.overrides.front();
        } catch (const ManifestError& error) {
            ++refused;
            ASSERT_FALSE(error.problems.empty());
        }
    }
    EXPECT_GT(loaded, 500) << "the mutations are too wild to test what loads";
    EXPECT_GT(refused, 500) << "the mutations are too tame to test what is refused";
}

}  // namespace
}  // namespace dvhost::manifest::testing

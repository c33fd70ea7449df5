#include "manifest_fixture.hpp"

#include <cmath>
#include <limits>

namespace dvhost::manifest::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ParseTest = ManifestTest;

TEST_F(ParseTest, ReadsEveryTypeWithThePlaceOfKeyAndValue) {
    const Node root = load_text(
        "[model]\n"
        "name = \"x\"\n"
        "  n = -3\n"
        "dt=2.5\n"
        "on = true\n"
        "sizes = [1, 2]\n"
        "recurrence = { type = \"full\" }\n");
    const Node& model = at(root, "model");
    EXPECT_EQ(at(model, "name").as_string(), "x");
    EXPECT_EQ(at(model, "n").as_int(), -3);
    EXPECT_EQ(at(model, "dt").as_number(), 2.5);
    EXPECT_TRUE(at(model, "on").as_bool());
    EXPECT_EQ(at(model, "sizes.1").as_int(), 2);
    EXPECT_EQ(at(model, "recurrence.type").as_string(), "full");

    EXPECT_EQ(root.source().text(), "m.toml");
    EXPECT_EQ(root.key_source("model")->text(), "m.toml:1:2");
    EXPECT_EQ(model.source().text(), "m.toml:1:1");
    EXPECT_EQ(model.key_source("n")->text(), "m.toml:3:3");
    EXPECT_EQ(at(model, "n").source().text(), "m.toml:3:7");
    EXPECT_EQ(at(model, "sizes.1").source().text(), "m.toml:6:13");
    EXPECT_EQ(at(model, "recurrence").key_source("type")->text(), "m.toml:7:16");
    EXPECT_EQ(at(model, "recurrence.type").source().text(), "m.toml:7:23");
}

TEST_F(ParseTest, KeepsTheOrderOfTheFile) {
    const Node root = load_text("[z]\nb = 1\na = 2\n[y]\n[[x]]\nc = 1\n[a.b]\n[w]\n[z.q]\n[a]\n");
    std::vector<std::string> keys;
    for (const Member& member : root.as_table()) keys.push_back(member.key);
    for (const Member& member : at(root, "z").as_table()) keys.push_back(member.key);
    EXPECT_THAT(keys, ElementsAre("z", "y", "x", "a", "w", "b", "a", "q"));
}

TEST_F(ParseTest, ReadsTheLimitsOfNumbers) {
    const Node root =
        load_text("min = -9223372036854775808\nmax = 9223372036854775807\nnan = nan\ninf = -inf\nhex = 0xFF\n");
    EXPECT_EQ(at(root, "min").as_int(), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(at(root, "max").as_int(), std::numeric_limits<std::int64_t>::max());
    EXPECT_TRUE(std::isnan(at(root, "nan").as_number()));
    EXPECT_EQ(at(root, "inf").as_number(), -std::numeric_limits<double>::infinity());
    EXPECT_EQ(at(root, "hex").as_int(), 255);
}

TEST_F(ParseTest, TakesAByteOrderMarkAndWindowsLineEnds) {
    const Node root = load_text("\xEF\xBB\xBF[run]\r\nname = \"caf\xC3\xA9\"\r\n");
    EXPECT_EQ(at(root, "run.name").as_string(), "caf\xC3\xA9");
}

TEST_F(ParseTest, RefusesWhatIsNotTomlWithItsPlaceAndSaysWhatWouldDo) {
    EXPECT_THAT(
        problems_in("[model]\ntype = rcnn # a word\n"),
        ElementsAre(AllOf(StartsWith("m.toml:2:8: not valid TOML: "), HasSubstr("a text is put in quotes: \"rcnn\""))));
    EXPECT_THAT(problems_in("a = { type = full }\n"), ElementsAre(HasSubstr("in quotes: \"full\"")));
    EXPECT_THAT(problems_in("a = [full, 1]\n"), ElementsAre(HasSubstr("in quotes: \"full\"")));
    EXPECT_THAT(problems_in("on = True\n"), ElementsAre(HasSubstr("bools are written true and false")));
    EXPECT_THAT(problems_in("lr =\n"),
                ElementsAre(AllOf(StartsWith("m.toml:1:5: "), HasSubstr("the value is missing"))));
    EXPECT_THAT(problems_in("p = \"C:\\data\"\n"), ElementsAre(HasSubstr("write '...'")));
    EXPECT_THAT(problems_in("s = \"abc\n"), ElementsAre(HasSubstr("a string ends on its line")));
    EXPECT_THAT(problems_in("lr = .5\n"), ElementsAre(HasSubstr("write 0.5")));
    EXPECT_THAT(problems_in("lr = 0,5\n"), ElementsAre(HasSubstr("decimals are written with a point")));
    EXPECT_THAT(problems_in("max_epochs: 3\n"), ElementsAre(HasSubstr("a line is key = value")));
    EXPECT_THAT(problems_in("x = 9223372036854775808\n"), ElementsAre(HasSubstr("not representable in 64 bits")));
}

TEST_F(ParseTest, RefusesCharactersOutsideAsciiThatAreInNoQuotes) {
    EXPECT_THAT(
        problems_in("a = '\u00E9' # \u00E9\n[\u00E9]\n"),
        ElementsAre("m.toml:2:2: not valid TOML: '\u00E9' (U+00E9) stands outside quotes; keys and values with other "
                    "characters than ASCII are put in quotes"));
    EXPECT_THAT(problems_in("a =\u00A01\n"), ElementsAre(AllOf(StartsWith("m.toml:1:4: "), HasSubstr("U+00A0"))));
    EXPECT_THAT(problems_in("a = \u201Cx\u201D\n"),
                ElementsAre(HasSubstr("is a typographic quote; strings are put in straight quotes")));
    EXPECT_THAT(problems_in("a = \U0001F600\n"), ElementsAre(HasSubstr("U+1F600")));
    EXPECT_THAT(problems_in("\"\u00E9\" = \"\"\"\u00E9\"\"\"\n['\u00E9 \u00E9']\n"), ElementsAre());
}

TEST_F(ParseTest, RefusesWhatTheParserHasAssertionsAgainst) {
    for (const char* header : {"[.a]", "[ ?]", "[[=]]", "[[ #]]", "[\n]", "[{a}]", "[\x01]"}) {
        EXPECT_THAT(problems_in(header), ElementsAre(HasSubstr("not valid TOML"))) << header;
    }
    for (const char* value : {"a = [}", "a = [1, }", "a = [\n# x\n}"}) {
        EXPECT_THAT(problems_in(value), ElementsAre(HasSubstr("not valid TOML"))) << value;
    }
}

TEST_F(ParseTest, RefusesAKeyGivenTwice) {
    EXPECT_THAT(problems_in("[run]\nseed = 1\nseed = 2\n"),
                ElementsAre(AllOf(StartsWith("m.toml:3:8: "), HasSubstr("'seed'"), HasSubstr("is given once"))));
    EXPECT_THAT(problems_in("[run]\n[run]\n"), ElementsAre(AllOf(StartsWith("m.toml:2:1: "), HasSubstr("'run'"))));
}

TEST_F(ParseTest, RefusesTextThatIsNotUtf8AndNamesTheByte) {
    EXPECT_THAT(problems_in("[run]\nname = \"caf\xE9\"\n"),
                ElementsAre("m.toml:2:12: not UTF-8: byte 0xE9 at offset 17; save the file as UTF-8"));
    EXPECT_THAT(problems_in(std::string_view("\xFF\xFE[\0", 4)), ElementsAre(HasSubstr("UTF-16")));
}

TEST_F(ParseTest, RefusesEveryKindOfBadUtf8) {
    for (const char* bad : {"\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                            "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xF0\x9F\x98"}) {
        EXPECT_THAT(problems_in(std::string("a = '") + bad), ElementsAre(StartsWith("m.toml:1:6: not UTF-8"))) << bad;
    }
    for (const char* good :
         {"\x7F", "\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
        EXPECT_THAT(problems_in(std::string("# ") + good + "\na = 1\n"),
                    ::testing::Not(::testing::Contains(HasSubstr("UTF-8"))));
    }
}

TEST_F(ParseTest, RefusesAFileWithNothingInIt) {
    EXPECT_THAT(problems_in(""), ElementsAre("m.toml: is empty; expected a manifest with tables such as [model]"));
    EXPECT_THAT(problems_in(" \n\t\n"), ElementsAre(StartsWith("m.toml: is empty")));
    EXPECT_THAT(problems_in("# one\n\n# two\n"),
                ElementsAre("m.toml: holds only comments; expected tables such as [model]"));
}

TEST_F(ParseTest, RefusesDatesAndTimes) {
    EXPECT_THAT(
        problems_in("a = 1979-05-27\nb = 07:32:00\n[c]\nd = [1979-05-27T07:32:00Z]\n"),
        ElementsAre(
            "m.toml:1:5: dates and times are not used in a manifest; write a string: \"1979-05-27\"",
            "m.toml:2:5: dates and times are not used in a manifest; write a string: \"07:32:00\"",
            "m.toml:4:6: dates and times are not used in a manifest; write a string: \"1979-05-27T07:32:00Z\""));
}

TEST_F(ParseTest, RefusesWhatIsNotAFile) {
    std::filesystem::create_directory("folder");
    EXPECT_THAT(problems_of({{"folder"}, {}}), ElementsAre("folder: is a directory; expected a manifest file (TOML)"));
    EXPECT_THAT(problems_of({{"/dev/zero"}, {}}),
                ElementsAre("/dev/zero: is not a regular file; expected a manifest file (TOML)"));
    EXPECT_THAT(problems_of({{""}, {}}), ElementsAre("a file name is empty"));
    EXPECT_THAT(problems_of({}), ElementsAre("no manifest is given; name at least one TOML file"));
}

TEST_F(ParseTest, SuggestsTheFileThatWasMeant) {
    write_file("configs/quickstart.toml", "a = 1\n");
    EXPECT_THAT(problems_of({{"configs/quikstart.toml"}, {}}),
                ElementsAre("configs/quikstart.toml: does not exist; did you mean 'configs/quickstart.toml'?"));
    EXPECT_THAT(problems_of({{"nowhere/x.toml"}, {}}), ElementsAre("nowhere/x.toml: does not exist"));
}

TEST_F(ParseTest, SaysWhyAFileCannotBeRead) {
    // a regular file whose first page is never mapped: even root gets an error from read()
    EXPECT_THAT(problems_of({{"/proc/self/mem"}, {}}), ElementsAre(StartsWith("/proc/self/mem: cannot be read: ")));
}

TEST_F(ParseTest, RefusesAFileOverSixteenMebibytes) {
    const std::string_view head = "a = 1\n#";
    write_file("m.toml", std::string(head) + std::string((std::size_t{16} << 20U) - head.size(), 'x'));
    EXPECT_THAT(problems_of({{"m.toml"}, {}}), ElementsAre());
    std::filesystem::resize_file("m.toml", (std::size_t{16} << 20U) + 1);
    EXPECT_THAT(problems_of({{"m.toml"}, {}}), ElementsAre(HasSubstr("is larger than 16 MiB")));
}

TEST_F(ParseTest, NamesTheFormatOfABinaryFile) {
    EXPECT_THAT(problems_in("\x89PNG\r\n\x1A\n"), ElementsAre("m.toml: is a PNG image; expected a manifest (TOML)"));
    EXPECT_THAT(problems_in("\x7F"
                            "ELF\x02\x01"),
                ElementsAre(HasSubstr("ELF")));
    EXPECT_THAT(problems_in(std::string_view("a = 1\n\0", 7)), ElementsAre(HasSubstr("a binary file")));
}

std::string repeated(std::string_view text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += text;
    return out;
}

TEST_F(ParseTest, AllowsSixtyFourLevelsAndNoMore) {
    EXPECT_THAT(problems_in("a = " + repeated("[", 64) + repeated("]", 64)), ElementsAre());
    EXPECT_THAT(problems_in("[" + repeated("a.", 63) + "a]"), ElementsAre());
    const auto refused = ElementsAre(AllOf(StartsWith("m.toml:1:"), HasSubstr("nested deeper than 64 levels")));
    EXPECT_THAT(problems_in("a = " + repeated("[", 65) + repeated("]", 65)), refused);
    EXPECT_THAT(problems_in("[" + repeated("a.", 64) + "a]"), refused);
    EXPECT_THAT(problems_in("a.b = " + repeated("{a.b=", 40) + "1" + repeated("}", 40)), refused);
}

TEST_F(ParseTest, RefusesNestingThatWouldExhaustTheStack) {
    const auto refused = ElementsAre(HasSubstr("nested deeper than 64 levels"));
    EXPECT_THAT(problems_in("a = " + repeated("[", 1'000'000)), refused);
    EXPECT_THAT(problems_in("a = " + repeated("{a=", 1'000'000)), refused);
    EXPECT_THAT(problems_in(repeated("a.", 1'000'000) + "a = 1"), refused);
    EXPECT_THAT(problems_in("[" + repeated("a.", 1'000'000) + "a]"), refused);
    // what looks like the end of a string, and is not, must not hide the brackets behind it
    for (const char* string : {R"("""a"""")", R"("""a""""")", "'''a''''", R"("\"")", R"("""\"""")", "''", "'\\'"}) {
        EXPECT_THAT(problems_in("a = [" + std::string(string) + ", " + repeated("[", 1'000'000)), refused) << string;
    }
}

TEST_F(ParseTest, DoesNotCountBracketsInStringsAndComments) {
    const std::string many = repeated("[", 100) + repeated(".", 100);
    EXPECT_THAT(
        problems_in("a = \"" + many + "\" # " + many + "\nb = '" + many + "'\nc = \"\"\"\n" + many + "\"\"\"\n"),
        ElementsAre());
}

}  // namespace
}  // namespace dvhost::manifest::testing

#include "manifest_fixture.hpp"

namespace dvhost::manifest::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using IncludeTest = ManifestTest;

TEST_F(IncludeTest, TheIncludingFileWinsAndLaterIncludesWinOverEarlier) {
    write_file("first.toml", "a = \"first\"\nb = \"first\"\nc = \"first\"\n");
    write_file("second.toml", "b = \"second\"\nc = \"second\"\n");
    const Node root = load_text("include = [\"first.toml\", \"second.toml\"]\nc = \"own\"\n");
    EXPECT_EQ(at(root, "a").as_string(), "first");
    EXPECT_EQ(at(root, "b").as_string(), "second");
    EXPECT_EQ(at(root, "c").as_string(), "own");
    EXPECT_EQ(at(root, "a").source().text(), "first.toml:1:5");
    EXPECT_EQ(at(root, "c").source().text(), "m.toml:2:5");
    EXPECT_EQ(root.find("include"), nullptr);
}

TEST_F(IncludeTest, PathsAreRelativeToTheIncludingFile) {
    write_file("configs/experiments/x.toml", "include = \"../fragments/deep/a.toml\"\n");
    write_file("configs/fragments/deep/a.toml", "include = \"../b.toml\"\na = 1\n");
    write_file("configs/fragments/b.toml", "b = 2\n");
    const Node root = load({{"configs/experiments/x.toml"}, {}});
    EXPECT_EQ(at(root, "a").source().text(), "configs/fragments/deep/a.toml:2:5");
    EXPECT_EQ(at(root, "b").source().text(), "configs/fragments/b.toml:1:5");
}

TEST_F(IncludeTest, AbsolutePathsAndEnvironmentVariablesWork) {
    write_file("lab/a.toml", "a = 1\n");
    const Variable lab("DVHOST_TEST_LAB", std::filesystem::absolute("lab").string());
    EXPECT_EQ(at(load_text("include = \"${env:DVHOST_TEST_LAB}/a.toml\"\n"), "a").as_int(), 1);
}

TEST_F(IncludeTest, OfAFileBehindALinkedFolderFollowsTheLink) {
    write_file("real/nested/x.toml", "include = \"../near.toml\"\n");
    write_file("real/near.toml", "which = \"beside the real folder\"\n");
    write_file("near.toml", "which = \"beside the link\"\n");
    std::filesystem::create_directory_symlink("real/nested", "linked");
    EXPECT_EQ(at(load({{"linked/x.toml"}, {}}), "which").as_string(), "beside the real folder");
}

TEST_F(IncludeTest, TheSameFileTwiceIsNoCycle) {
    write_file("common.toml", "a = 1\n");
    write_file("x.toml", "include = \"common.toml\"\nx = 1\n");
    write_file("y.toml", "include = \"common.toml\"\ny = 1\n");
    EXPECT_EQ(at(load_text("include = [\"x.toml\", \"y.toml\"]\n"), "a").as_int(), 1);
}

TEST_F(IncludeTest, ACycleIsRefusedAndItsChainShown) {
    write_file("a.toml", "include = \"sub/b.toml\"\n");
    write_file("sub/b.toml", "x = 1\ninclude = [\"../a.toml\"]\n");
    EXPECT_THAT(problems_of({{"a.toml"}, {}}),
                ElementsAre("sub/b.toml:2:12: cannot include 'a.toml': the files include each other: "
                            "a.toml -> sub/b.toml -> a.toml"));
    EXPECT_THAT(problems_in("include = \"m.toml\"\n"), ElementsAre(HasSubstr("m.toml -> m.toml")));
}

TEST_F(IncludeTest, AMissingFileIsReportedWhereItIsIncluded) {
    write_file("fragments/cpu.toml", "a = 1\n");
    EXPECT_THAT(problems_in("[run]\nseed = 1\n\n[x]\n"), ElementsAre());
    EXPECT_THAT(problems_in("include = [\n  \"fragments/cpu.toml\",\n  \"fragments/cpux.toml\",\n]\n"),
                ElementsAre("m.toml:3:3: cannot include 'fragments/cpux.toml': does not exist; "
                            "did you mean 'fragments/cpu.toml'?"));
}

TEST_F(IncludeTest, WhatIsNotAManifestIsRefused) {
    write_file("image.toml", "\x89PNG\r\n\x1A\n");
    write_file("plugin.so",
               "\x7F"
               "ELF");
    write_file("bad.toml", "\n  x = \n");
    write_file("empty.toml", "");
    std::filesystem::create_directory("folder");
    EXPECT_THAT(
        problems_in("include = [\"image.toml\", \"plugin.so\", \"folder\", \"bad.toml\", \"empty.toml\"]\n"),
        ElementsAre("image.toml: is a PNG image; expected a manifest (TOML) (included from m.toml:1:12)",
                    AllOf(StartsWith("plugin.so: is a program or a plugin"), HasSubstr("(included from m.toml:1:26)")),
                    "m.toml:1:39: cannot include 'folder': is a directory; expected a manifest file (TOML)",
                    AllOf(StartsWith("bad.toml:2:7: not valid TOML"), HasSubstr("(included from m.toml:1:49)")),
                    AllOf(StartsWith("empty.toml: is empty"), HasSubstr("(included from m.toml:1:61)"))));
}

TEST_F(IncludeTest, WrongTypesAreRefused) {
    EXPECT_THAT(problems_in("include = 3\n"),
                ElementsAre("m.toml:1:11: 'include' holds an integer; expected a file name or a list of file names"));
    EXPECT_THAT(
        problems_in("include = [\"\", {}]\n"),
        ElementsAre(HasSubstr("'include' holds ''; expected a file name"), HasSubstr("'include' holds a table")));
    EXPECT_THAT(problems_in("include = \"a\\u0000b\"\n"), ElementsAre(HasSubstr("expected a file name")));
    EXPECT_THAT(problems_in("include = \"${run.name}.toml\"\n[run]\nname = \"x\"\n"),
                ElementsAre(HasSubstr("only ${env:NAME} can stand in it")));
}

TEST_F(IncludeTest, FilesThatMultiplyAreStopped) {
    for (int i = 0; i < 12; ++i) {
        const std::string next = "\"f" + std::to_string(i + 1) + ".toml\"";
        write_file("f" + std::to_string(i) + ".toml", "include = [" + next + ", " + next + "]\n");
    }
    write_file("f12.toml", "a = 1\n");
    EXPECT_THAT(problems_of({{"f0.toml"}, {}}), ::testing::Contains(HasSubstr("more than 1000 files are included")));
    for (int i = 0; i < 70; ++i) {
        write_file("g" + std::to_string(i) + ".toml", "include = \"g" + std::to_string(i + 1) + ".toml\"\n");
    }
    EXPECT_THAT(problems_of({{"g0.toml"}, {}}), ElementsAre(HasSubstr("more than 64 files include each other")));
}

}  // namespace
}  // namespace dvhost::manifest::testing

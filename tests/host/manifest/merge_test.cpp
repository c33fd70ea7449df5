#include "manifest_fixture.hpp"

namespace dvhost::manifest::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MergeTest : public ManifestTest {
protected:
    static Node merged(std::string_view a, std::string_view b) {
        write_file("a.toml", a);
        write_file("b.toml", b);
        return load({{"a.toml", "b.toml"}, {}});
    }
    static std::vector<std::string> refused(std::string_view a, std::string_view b) {
        write_file("a.toml", a);
        write_file("b.toml", b);
        return problems_of({{"a.toml", "b.toml"}, {}});
    }
};

TEST_F(MergeTest, TablesMergeKeyByKeyAndTheLaterFileWins) {
    const Node root = merged("[model]\ntype = \"a\"\ndt = 1.0\n[model.recurrence]\ntype = \"full\"\nkernel = 3\n",
                             "[model]\ndt = 2.0\n[model.recurrence]\nkernel = 5\n");
    EXPECT_EQ(at(root, "model.type").source().text(), "a.toml:2:8");
    EXPECT_EQ(at(root, "model.dt").as_number(), 2.0);
    EXPECT_EQ(at(root, "model.dt").source().text(), "b.toml:2:6");
    EXPECT_EQ(at(root, "model").key_source("dt")->text(), "b.toml:2:1");
    EXPECT_EQ(at(root, "model").key_source("type")->text(), "a.toml:2:1");
    EXPECT_EQ(at(root, "model.recurrence.type").as_string(), "full");
    EXPECT_EQ(at(root, "model.recurrence.kernel").as_int(), 5);
}

TEST_F(MergeTest, OtherValuesAreReplacedWhateverTheyWere) {
    const Node root = merged("x = [1, 2]\ny = 1\n[z]\na = 1\n[[callback]]\ntype = \"ema\"\n",
                             "x = [3]\ny = \"text\"\nz = false\n[[callback]]\ntype = \"checkpoint\"\n");
    EXPECT_EQ(at(root, "x").as_list().size(), 1U);
    EXPECT_EQ(at(root, "x.0").as_int(), 3);
    EXPECT_EQ(at(root, "y").as_string(), "text");
    EXPECT_FALSE(at(root, "z").as_bool());
    ASSERT_EQ(at(root, "callback").as_list().size(), 1U);
    EXPECT_EQ(at(root, "callback.0.type").as_string(), "checkpoint");
}

TEST_F(MergeTest, KeysKeepThePositionOfTheirFirstAppearance) {
    const Node root = merged("b = 1\na = 1\n", "c = 2\na = 2\n");
    std::vector<std::string> keys;
    for (const Member& member : root.as_table()) keys.push_back(member.key);
    EXPECT_THAT(keys, ElementsAre("b", "a", "c"));
}

TEST_F(MergeTest, AFileMayAskForItsListsToBeAppended) {
    const Node root =
        merged("[[callback]]\ntype = \"ema\"\n[optimizer]\ngroups = [1]\nother = [1]\n",
               "[merge]\ncallback = \"append\"\noptimizer.groups = \"append\"\noptimizer.other = \"replace\"\n"
               "[[callback]]\ntype = \"checkpoint\"\n[optimizer]\ngroups = [2]\nother = [2]\n");
    ASSERT_EQ(at(root, "callback").as_list().size(), 2U);
    EXPECT_EQ(at(root, "callback.0.type").source().text(), "a.toml:2:8");
    EXPECT_EQ(at(root, "callback.1.type").as_string(), "checkpoint");
    EXPECT_EQ(at(root, "optimizer.groups").as_list().size(), 2U);
    EXPECT_EQ(at(root, "optimizer.other").as_list().size(), 1U);
    EXPECT_EQ(root.find("merge"), nullptr);
}

TEST_F(MergeTest, AppendingToNothingSetsAndQuotedPathsWork) {
    const Node root = merged("a = 1\n", "l = [1]\nt.l = [2]\n[merge]\nl = \"append\"\n\"t.l\" = \"append\"\n");
    EXPECT_EQ(at(root, "l.0").as_int(), 1);
    EXPECT_EQ(at(root, "t.l.0").as_int(), 2);
}

TEST_F(MergeTest, AMergeRuleThatCannotWorkIsRefused) {
    EXPECT_THAT(
        refused("a = 1\n", "[merge]\ncalback = \"append\"\n[[callback]]\n"),
        ElementsAre("b.toml:2:1: [merge] names 'calback', which this file does not set; did you mean 'callback'?"));
    EXPECT_THAT(
        refused("a = 1\n", "x = 1\n[merge]\nx = \"append\"\n"),
        ElementsAre("b.toml:3:1: [merge] names 'x', which is an integer (b.toml:1:5); only lists can be appended to"));
    EXPECT_THAT(refused("[loss]\n", "[merge]\nloss = \"append\"\n[[loss]]\n"),
                ElementsAre("b.toml:2:1: [merge] cannot append to 'loss': it is a table in a.toml:1:1; "
                            "only lists can be appended to"));
    EXPECT_THAT(refused("a = 1\n", "x = [1]\n[merge]\nx = \"apend\"\n"),
                ElementsAre("b.toml:3:5: [merge] 'x' is 'apend'; expected \"append\" or \"replace\""));
    EXPECT_THAT(refused("a = 1\n", "merge = \"append\"\n"),
                ElementsAre(HasSubstr("'merge' is a string; expected a table")));
}

}  // namespace
}  // namespace dvhost::manifest::testing

#include "manifest_fixture.hpp"

namespace dvhost::manifest::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kManifest =
    "[run]\n"
    "name = \"quickstart\"\n"
    "[optimizer]\n"
    "type = \"adam\"\n"
    "betas = [0.9, 0.999]\n"
    "[[logger]]\n"
    "type = \"csv\"\n"
    "[[logger]]\n"
    "type = \"console\"\n";

class OverrideTest : public ManifestTest {
protected:
    static Node with(std::vector<std::string> overrides) { return load_text(kManifest, std::move(overrides)); }
    static std::vector<std::string> refused(std::vector<std::string> overrides) {
        return problems_in(kManifest, std::move(overrides));
    }
    /// The value that x=TEXT gives.
    static Node value_of(const std::string& text) { return at(with({"x=" + text}), "x"); }
};

TEST_F(OverrideTest, TheValueIsToml) {
    EXPECT_EQ(value_of("8").as_int(), 8);
    EXPECT_EQ(value_of(" -8 ").as_int(), -8);
    EXPECT_EQ(value_of("1e-3").as_number(), 1e-3);
    EXPECT_TRUE(value_of("true").as_bool());
    EXPECT_EQ(value_of("\"8\"").as_string(), "8");
    EXPECT_EQ(value_of("'a \"b\"'").as_string(), "a \"b\"");
    EXPECT_EQ(value_of("\"\"").as_string(), "");
    EXPECT_EQ(value_of("[1, 2]").as_list().size(), 2U);
    EXPECT_EQ(at(value_of("{a = {b = 1}}"), "a.b").as_int(), 1);
    EXPECT_TRUE(value_of("{}").as_table().empty());
}

TEST_F(OverrideTest, ABareWordIsAString) {
    for (const std::string text : {"foo", "/a/b", "val/accuracy", "32-true", "runs/x y", "5#3", "1 # one", "tru",
                                   "True", "a=b", "01", "1\ny = 2", "caf\xC3\xA9", "#", "-", "https://x.org/?a=[1]"}) {
        const Node value = value_of(text);
        ASSERT_TRUE(value.is_string()) << text;
        EXPECT_EQ(value.as_string(), text);
    }
}

TEST_F(OverrideTest, TheSourceIsTheTextOfTheOption) {
    const Node root = with({"optimizer={type=\"sgd\",lr=0.1}"});
    EXPECT_EQ(at(root, "optimizer.lr").source().text(), "command line (-o optimizer={type=\"sgd\",lr=0.1})");
    EXPECT_EQ(at(root, "optimizer").key_source("lr")->kind, Source::Kind::command_line);
    EXPECT_EQ(root.key_source("optimizer")->text(), "m.toml:3:2");
}

TEST_F(OverrideTest, ReplacesScalarsWholeTablesAndWholeLists) {
    const Node root = with({"run.name=foo", "optimizer={type=\"sgd\",lr=0.1}", "logger=[{type=\"jsonl\"}]"});
    EXPECT_EQ(at(root, "run.name").as_string(), "foo");
    EXPECT_EQ(at(root, "optimizer").as_table().size(), 2U);
    EXPECT_EQ(at(root, "optimizer.type").as_string(), "sgd");
    ASSERT_EQ(at(root, "logger").as_list().size(), 1U);
    EXPECT_EQ(at(root, "logger.0.type").as_string(), "jsonl");
}

TEST_F(OverrideTest, ANumberIsAListIndex) {
    const Node root = with({"logger.0.type=jsonl", "logger.1={type=\"tensorboard\"}", "optimizer.betas.1=0.99"});
    EXPECT_EQ(at(root, "logger.0.type").as_string(), "jsonl");
    EXPECT_EQ(at(root, "logger.1.type").as_string(), "tensorboard");
    EXPECT_EQ(at(root, "optimizer.betas.0").as_number(), 0.9);
    EXPECT_EQ(at(root, "optimizer.betas.1").as_number(), 0.99);
}

TEST_F(OverrideTest, TablesAreMadeOnTheWay) {
    const Node root = with({"model.n_timesteps=8", "model.recurrence.type=full", "data.path=/a/b"});
    EXPECT_EQ(at(root, "model.n_timesteps").as_int(), 8);
    EXPECT_EQ(at(root, "model.recurrence.type").as_string(), "full");
    EXPECT_EQ(at(root, "data.path").as_string(), "/a/b");
    EXPECT_EQ(root.key_source("model")->text(), "command line (-o model.n_timesteps=8)");
}

TEST_F(OverrideTest, PlusEqualsAppends) {
    const Node root = with({"callback+={type=\"ema\"}", "callback += {type=\"checkpoint\"}", "callback.1.mode=max",
                            "optimizer.betas+=[1, 2]", "optimizer.betas+=[[3]]"});
    ASSERT_EQ(at(root, "callback").as_list().size(), 2U);
    EXPECT_EQ(at(root, "callback.0.type").as_string(), "ema");
    EXPECT_EQ(at(root, "callback.1.mode").as_string(), "max");
    ASSERT_EQ(at(root, "optimizer.betas").as_list().size(), 5U);
    EXPECT_EQ(at(root, "optimizer.betas.3").as_int(), 2);
    EXPECT_EQ(at(root, "optimizer.betas.4.0").as_int(), 3);
}

TEST_F(OverrideTest, TheLaterOptionWins) { EXPECT_EQ(at(with({"run.seed=1", "run.seed=2"}), "run.seed").as_int(), 2); }

TEST_F(OverrideTest, KeysMayBeQuoted) {
    const Node root = with({R"(link."model.n_classes"="data.n_classes")", "link.'a=b'=1", R"(link."q\"=\\"=2)"});
    EXPECT_EQ(at(root, "link").find("model.n_classes")->as_string(), "data.n_classes");
    EXPECT_EQ(at(root, "link").find("a=b")->as_int(), 1);
    EXPECT_EQ(at(root, "link").find("q\"=\\")->as_int(), 2);
}

TEST_F(OverrideTest, AnEmptyValueIsRefusedAndTheWayToWriteItSaid) {
    EXPECT_THAT(refused({"x="}),
                ElementsAre("command line (-o x=): the value is empty; for an empty string write -o 'x=\"\"'"));
    EXPECT_THAT(refused({"run.x= "}), ElementsAre(HasSubstr("write -o 'run.x=\"\"'")));
}

TEST_F(OverrideTest, AKeyThatIsNoneIsRefused) {
    EXPECT_THAT(refused({"run.name"}),
                ElementsAre("command line (-o run.name): expected path.to.key=VALUE, found no '='; "
                            "for example -o trainer.max_epochs=3"));
    EXPECT_THAT(refused({"=3"}), ElementsAre(HasSubstr("the key is empty")));
    EXPECT_THAT(refused({"run..x=3"}), ElementsAre(HasSubstr("a key is empty")));
    EXPECT_THAT(refused({"logger[0].type=csv"}), ElementsAre(HasSubstr("as in logger.0.type")));
    EXPECT_THAT(refused({"run.\"x=3"}), ElementsAre(HasSubstr("found no '='")));
    EXPECT_THAT(refused({"a b=3"}), ElementsAre(HasSubstr("'a b' must be put in quotes")));
    EXPECT_THAT(refused({"x=caf\xE9"}), ElementsAre(R"(command line (-o x=caf\xe9): not UTF-8)"));
    EXPECT_THAT(refused({"include=b.toml"}), ElementsAre(HasSubstr("'include' is read from files only")));
}

TEST_F(OverrideTest, BrokenTomlIsRefusedWithItsPlace) {
    EXPECT_THAT(refused({"optimizer={type=sgd}"}),
                ElementsAre(AllOf(StartsWith("command line (-o optimizer={type=sgd}): the value cannot be read: "),
                                  HasSubstr("(character 17)"), HasSubstr("strings in lists and tables are quoted"))));
    EXPECT_THAT(refused({"x=[1,"}), ElementsAre(HasSubstr("the value cannot be read")));
    EXPECT_THAT(refused({"x=\"abc"}), ElementsAre(HasSubstr("the value cannot be read")));
    EXPECT_THAT(refused({"x=\"a\" b"}), ElementsAre(HasSubstr("the value cannot be read")));
    EXPECT_THAT(refused({"x=[1] # one"}), ElementsAre(HasSubstr("text after the value")));
    EXPECT_THAT(refused({"x=1979-05-27"}), ElementsAre(HasSubstr("write a string: \"1979-05-27\"")));
    EXPECT_THAT(refused({"x=" + std::string(100'000, '[')}), ElementsAre(HasSubstr("nested deeper than 64 levels")));
}

TEST_F(OverrideTest, PathAndValueTogetherMayNotBeTooDeep) {
    std::string path = "a";
    for (int i = 0; i < 39; ++i) path += ".a";
    EXPECT_THAT(refused({path + "=" + std::string(25, '[') + std::string(25, ']')}), ElementsAre());
    EXPECT_THAT(refused({path + "=" + std::string(26, '[') + std::string(26, ']')}),
                ElementsAre(HasSubstr("nested deeper than 64 levels")));
}

TEST_F(OverrideTest, AnIndexOutOfRangeIsRefusedAndTheirNumberSaid) {
    EXPECT_THAT(
        refused({"logger.2.type=csv"}),
        ElementsAre(
            "command line (-o logger.2.type=csv): 'logger' has 2 elements (logger.0 to logger.1), so there is no 2; "
            "to append: -o 'logger+={type=\"...\"}'"));
    EXPECT_THAT(refused({"logger.type=csv"}),
                ElementsAre(HasSubstr("'logger' is a list with 2 elements (logger.0 to logger.1); "
                                      "expected a number in place of 'type'")));
    EXPECT_THAT(refused({"logger.-1.type=csv"}), ElementsAre(HasSubstr("in place of '-1'")));
    EXPECT_THAT(refused({"l=[]", "l.0=1"}), ElementsAre(HasSubstr("'l' has no elements")));
    EXPECT_THAT(refused({"l=[1]", "l.1=1"}), ElementsAre(HasSubstr("'l' has 1 element (l.0)")));
}

TEST_F(OverrideTest, AListThatIsNotThereIsRefused) {
    EXPECT_THAT(refused({"callback.0.type=ema"}),
                ElementsAre(HasSubstr("there is no list 'callback'; to append to it: -o 'callback+={type=\"...\"}'")));
    EXPECT_THAT(refused({"model.a.layers.0=1"}), ElementsAre(HasSubstr("there is no list 'model.a.layers'")));
    EXPECT_THAT(refused({"optimizer.0.lr=1"}),
                ElementsAre(HasSubstr("'optimizer' is a table (m.toml:3:1), not a list; it has no element 0")));
    EXPECT_THAT(refused({"0=1"}), ElementsAre(HasSubstr("a path starts with a name")));
}

TEST_F(OverrideTest, APathThroughAScalarIsRefusedWithWhatIsThere) {
    EXPECT_THAT(refused({"run.name.x=1"}),
                ElementsAre("command line (-o run.name.x=1): 'run.name' is a string 'quickstart' "
                            "(m.toml:2:8), not a table or a list; it has no 'x'"));
    EXPECT_THAT(refused({"optimizer.betas.0.x=1"}),
                ElementsAre(HasSubstr("'optimizer.betas.0' is a float (m.toml:5:10)")));
}

TEST_F(OverrideTest, AppendingToWhatIsNoListIsRefused) {
    EXPECT_THAT(refused({"optimizer+={type=\"sgd\"}"}),
                ElementsAre(HasSubstr("'optimizer' is a table (m.toml:3:1), not a list; += appends to lists")));
}

TEST_F(OverrideTest, OneThatIsRefusedChangesNothing) {
    EXPECT_THAT(refused({"a.b.0=1", "a.b=2", "a.b.c=3"}),
                ElementsAre(HasSubstr("there is no list 'a.b'"), HasSubstr("'a.b' is an integer")));
}

}  // namespace
}  // namespace dvhost::manifest::testing

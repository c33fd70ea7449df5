#include "manifest/node.hpp"

#include <gtest/gtest.h>

namespace dvhost::manifest {
namespace {

Node string_node(std::string text) { return {std::move(text), {}}; }

std::vector<std::string> keys_of(const Node& table) {
    std::vector<std::string> keys;
    for (const Member& member : table.as_table()) keys.push_back(member.key);
    return keys;
}

TEST(SourceText, NamesThePlaceAsPeopleWriteIt) {
    EXPECT_EQ((Source{Source::Kind::file, "configs/x.toml", 14, 1}.text()), "configs/x.toml:14:1");
    EXPECT_EQ((Source{Source::Kind::file, "configs/x.toml"}.text()), "configs/x.toml");
    EXPECT_EQ((Source{Source::Kind::command_line, "trainer.max_epochs=3"}.text()),
              "command line (-o trainer.max_epochs=3)");
    EXPECT_EQ((Source{Source::Kind::environment, "DVHOST_TRAINER_MAX_EPOCHS"}.text()),
              "environment (DVHOST_TRAINER_MAX_EPOCHS)");
    EXPECT_EQ(Source{}.text(), "default");
}

TEST(SourceText, StaysOnOneLineAndIsUtf8) {
    EXPECT_EQ((Source{Source::Kind::command_line, "a=\"1\n2\""}.text()), R"(command line (-o a="1\n2"))");
    EXPECT_EQ((Source{Source::Kind::file, "caf\xE9.toml"}.text()), R"(caf\xe9.toml)");
}

TEST(Node, StartsAsAnEmptyTable) {
    ASSERT_TRUE(Node().is_table());
    EXPECT_TRUE(Node().as_table().empty());
}

TEST(Node, NamesItsType) {
    EXPECT_EQ(Node(true, {}).type_name(), "a bool");
    EXPECT_EQ(Node(std::int64_t{1}, {}).type_name(), "an integer");
    EXPECT_EQ(Node(1.0, {}).type_name(), "a float");
    EXPECT_EQ(string_node("x").type_name(), "a string");
    EXPECT_EQ(Node(Node::List{}, {}).type_name(), "a list");
    EXPECT_EQ(Node(Node::Table{}, {}).type_name(), "a table");
}

TEST(Node, SettingKeepsThePositionOfAKeyThatExists) {
    Node table;
    for (const char* key : {"c", "a", "b"}) table.set(key, string_node(key));
    table.set("a", string_node("new"));
    EXPECT_EQ(keys_of(table), (std::vector<std::string>{"c", "a", "b"}));
    EXPECT_EQ(table.find("a")->as_string(), "new");
    table.erase("c");
    table.erase("absent");
    EXPECT_EQ(keys_of(table), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(table.find("c"), nullptr);
    EXPECT_EQ(table.key_source("c"), nullptr);
}

TEST(Node, KeepsTheKeysPlaceUnlessGivenAnother) {
    const Source first{Source::Kind::file, "a.toml", 1, 1};
    const Source second{Source::Kind::file, "b.toml", 2, 3};
    Node table;
    table.set("x", Node(true, first));
    EXPECT_EQ(table.key_source("x")->text(), "a.toml:1:1");
    table.set("x", Node(false, second));
    EXPECT_EQ(table.key_source("x")->text(), "a.toml:1:1");
    EXPECT_EQ(table.find("x")->source().text(), "b.toml:2:3");
    table.set("x", Node(false, second), second);
    EXPECT_EQ(table.key_source("x")->text(), "b.toml:2:3");
}

TEST(FindPath, GoesThroughTablesListsAndQuotedKeys) {
    Node inner;
    inner.set("odd.key", string_node("found"));
    inner.set("0", string_node("a key, not an index"));
    Node::List list;
    list.push_back(inner);
    Node root;
    root.set("layer", Node(std::move(list), {}));
    EXPECT_EQ(find_path(root, "layer.0.\"odd.key\"")->as_string(), "found");
    EXPECT_EQ(find_path(root, "layer.0.'odd.key'")->as_string(), "found");
    EXPECT_EQ(find_path(root, "layer.0.0")->as_string(), "a key, not an index");
}

TEST(FindPath, IsNullWhereThereIsNothing) {
    Node root;
    root.set("scalar", string_node("x"));
    root.set("list", Node(Node::List{Node()}, {}));
    for (const char* path : {"absent", "scalar.x", "list.1", "list.x", "list.-1", "list.00",
                             "list.99999999999999999999", "", ".", "scalar.", "list..0", "\"scalar", "\"list\"x"}) {
        EXPECT_EQ(find_path(root, path), nullptr) << path;
    }
}

}  // namespace
}  // namespace dvhost::manifest

#include "manifest_fixture.hpp"

#include <limits>
#include <random>

namespace dvhost::manifest::testing {
namespace {

using ::testing::HasSubstr;

class WriteTest : public ManifestTest {
protected:
    /// The tree after one trip through a file.
    static Node reread(const Node& root, bool provenance = false) {
        const std::string text = write(root, provenance);
        SCOPED_TRACE(text);
        return load_text(text);
    }
};

TEST_F(WriteTest, WritesValuesThenTablesThenListsOfTables) {
    const Node root = load_text(
        "[model]\nrecurrence = { type = \"full\", \"odd key\" = 1 }\ndt = 2\nsizes = [1, [2.0, \"x\"], {}, {a = "
        "true}]\n"
        "[[logger]]\ntype = \"csv\"\n[[logger]]\n[logger.nested]\n[a.b.c]\nx = 1\n[empty]\n");
    EXPECT_EQ(write(root, false),
              "[model]\n"
              "dt = 2\n"
              "sizes = [1, [2.0, \"x\"], {}, { a = true }]\n"
              "\n"
              "[model.recurrence]\n"
              "type = \"full\"\n"
              "\"odd key\" = 1\n"
              "\n"
              "[[logger]]\n"
              "type = \"csv\"\n"
              "\n"
              "[[logger]]\n"
              "\n"
              "[logger.nested]\n"
              "\n"
              "[a.b.c]\n"
              "x = 1\n"
              "\n"
              "[empty]\n");
}

TEST_F(WriteTest, FloatsAreShortestAndStayFloats) {
    const auto text_of = [](double value) {
        Node root;
        root.set("x", Node(value, {}));
        return write(root, false);
    };
    EXPECT_EQ(text_of(3), "x = 3.0\n");
    EXPECT_EQ(text_of(-0.0), "x = -0.0\n");
    EXPECT_EQ(text_of(0.1), "x = 0.1\n");
    EXPECT_EQ(text_of(1e22), "x = 1e+22\n");
    EXPECT_EQ(text_of(1e-300), "x = 1e-300\n");
    EXPECT_EQ(text_of(std::numeric_limits<double>::quiet_NaN()), "x = nan\n");
    EXPECT_EQ(text_of(-std::numeric_limits<double>::infinity()), "x = -inf\n");
}

TEST_F(WriteTest, ProvenanceIsACommentOnEachValue) {
    write_file("base.toml", "[model]\ndt = 1.0\n");
    write_file("m.toml", "include = \"base.toml\"\nl = [1, 2]\n[model]\ntype = \"rcnn\"\n[[logger]]\n");
    Node root = load({{"m.toml"}, {"model.n=8", "l+=3", "text=\"a\\nb\""}});
    root.set("absent", Node(true, {}));
    root.set("variable", Node(true, {Source::Kind::environment, "DVHOST_X"}));
    EXPECT_EQ(write(root, true),
              "l = [1, 2, 3]  # m.toml:2:5, command line (-o l+=3)\n"
              "text = \"a\\nb\"  # command line (-o text=\"a\\nb\")\n"
              "absent = true  # default\n"
              "variable = true  # environment (DVHOST_X)\n"
              "\n"
              "[model]\n"
              "dt = 1.0  # base.toml:2:6\n"
              "type = \"rcnn\"  # m.toml:4:8\n"
              "n = 8  # command line (-o model.n=8)\n"
              "\n"
              "[[logger]]  # m.toml:5:1\n");
}

TEST_F(WriteTest, AnOptionWithLineEndsCannotBreakOutOfItsComment) {
    const Node root = load_text("a = 1\n", {"b='''\nevil = true\n'''"});
    EXPECT_TRUE(same(reread(root, true), root));
}

TEST_F(WriteTest, ReferencesThatWereResolvedAreNotResolvedAgain) {
    const Node root = load_text("a = \"$${x}$$${y}$$\"\n");
    EXPECT_EQ(at(root, "a").as_string(), "${x}$${y}$$");
    EXPECT_TRUE(same(reread(root), root));
}

/// Trees with everything that TOML can hold, and all the strings that have ever gone wrong.
class RandomTree {
public:
    explicit RandomTree(std::uint64_t seed) : random_(seed) {}

    Node root() {
        Node root = table(0);
        root.set("always", scalar());
        return root;
    }

private:
    std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }

    std::string text() {
        static constexpr std::string_view kPieces[] = {"a",
                                                       "Z9",
                                                       "_-",
                                                       " ",
                                                       ".",
                                                       "\"",
                                                       "\"\"\"",
                                                       "'",
                                                       "'''",
                                                       "\\",
                                                       "\\n",
                                                       "\n",
                                                       "\r\n",
                                                       "\r",
                                                       "\t",
                                                       "\b",
                                                       "\f",
                                                       "\x01",
                                                       "\x1B",
                                                       "\x7F",
                                                       std::string_view("\0", 1),
                                                       "#",
                                                       "=",
                                                       "[",
                                                       "]]",
                                                       "{",
                                                       "}",
                                                       ",",
                                                       "$",
                                                       "${",
                                                       "$${",
                                                       "${a}",
                                                       "}",
                                                       "\xC3\xA9",
                                                       "\xE2\x82\xAC",
                                                       "\xF0\x9F\x98\x80",
                                                       "\xEF\xBF\xBF",
                                                       "\xC2\x85",
                                                       "\xE2\x80\xA8",
                                                       "true",
                                                       "1979-05-27",
                                                       "inf"};
        std::string out;
        for (std::size_t n = below(5); n > 0; --n) out += kPieces[below(std::size(kPieces))];
        return out;
    }

    Node scalar() {
        static constexpr std::int64_t kInts[] = {
            0, 1, -1, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(), 1'000'000};
        static constexpr double kFloats[] = {0.0,
                                             -0.0,
                                             0.1,
                                             1e-300,
                                             1e22,
                                             1e23,
                                             5e-324,
                                             std::numeric_limits<double>::max(),
                                             123456789.0,
                                             std::numeric_limits<double>::infinity(),
                                             -std::numeric_limits<double>::infinity(),
                                             std::numeric_limits<double>::quiet_NaN()};
        switch (below(6)) {
            case 0: return {below(2) == 0, {}};
            case 1: return {kInts[below(std::size(kInts))], {}};
            case 2: return {static_cast<std::int64_t>(random_()), {}};
            case 3: return {kFloats[below(std::size(kFloats))], {}};
            case 4: return {std::uniform_real_distribution<double>(-1e3, 1e3)(random_), {}};
            default: return {text(), {}};
        }
    }

    Node list(std::size_t depth) {
        Node::List elements;
        const bool tables_only = below(2) == 0;
        for (std::size_t n = below(4); n > 0; --n) elements.push_back(tables_only ? table(depth + 1) : node(depth + 1));
        return {std::move(elements), {}};
    }

    Node table(std::size_t depth) {
        Node table;
        for (std::size_t n = below(5); n > 0; --n) table.set(text(), node(depth + 1));
        return table;
    }

    Node node(std::size_t depth) {
        const std::size_t choice = depth > 4 ? 0 : below(4);
        return choice == 3 ? table(depth) : choice == 2 ? list(depth) : scalar();
    }

    std::mt19937_64 random_;
};

TEST_F(WriteTest, AnyTreeLoadsAsItWasWritten) {
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
        const Node root = RandomTree(seed).root();
        const std::string text = write(root, false);
        const Node once = load_text(text);
        ASSERT_TRUE(same(once, root)) << "seed " << seed << "\n" << text;
        ASSERT_EQ(write(once, false), text) << "seed " << seed;
        ASSERT_TRUE(same(reread(once, /*provenance=*/true), root)) << "seed " << seed << "\n" << write(once, true);
    }
}

TEST_F(WriteTest, AsDeepAsAManifestMayBe) {
    const Node root = load_text("a = " + std::string(64, '[') + std::string(64, ']'));
    EXPECT_TRUE(same(reread(root), root));
    std::string header = "[a";
    for (int i = 0; i < 63; ++i) header += ".a";
    const Node tables = load_text(header + "]");
    EXPECT_TRUE(same(reread(tables), tables));
}

}  // namespace
}  // namespace dvhost::manifest::testing

// From a configuration to typed members.
#include <dv/factory.hpp>
#include <dv/logger.hpp>
#include <dv/testing/config.hpp>
#include <dv/testing/host.hpp>

#include <gtest/gtest.h>

using dv::testing::Config;
using dv::testing::list;
using dv::testing::Value;

namespace {

enum class Mode { min, max };
enum class Joined { no, yes, mul };

struct Inner {
    std::int64_t a = 0, b = 0;
    std::vector<double> weights;
    static constexpr auto params = dv::schema(dv::p("a", &Inner::a, 1, "first"), dv::p("b", &Inner::b, 2, "second"),
                                              dv::p("weights", &Inner::weights, dv::list(0.5, 1), "third"));
};

struct Parts {
    bool on = false;
    std::int8_t small = 0;
    std::uint64_t large = 0;
    float single = 0;
    double number = 0;
    std::string text;
    std::filesystem::path file;
    Mode mode = Mode::min;
    Joined joined = Joined::mul;
    std::string word;
    std::optional<double> limit;
    std::optional<std::string> label;
    std::vector<std::int64_t> sizes;
    std::vector<std::string> names;
    std::vector<Mode> modes;
    Inner inner;
    std::vector<Inner> inners;
    dv::Factory<dv::Logger> nested;
    static constexpr auto params = dv::schema(
        dv::p("on", &Parts::on, true, "a bool"), dv::p("small", &Parts::small, 3, "a small integer"),
        dv::p("large", &Parts::large, 7, "a large integer"), dv::p("single", &Parts::single, 0.25, "a float"),
        dv::p("number", &Parts::number, 2e-4, "a double"), dv::p("text", &Parts::text, "hello", "a text"),
        dv::p("file", &Parts::file, "a/b", "a path"),
        dv::p("mode", &Parts::mode, Mode::max, "an enum", dv::choices{"min", "max"}),
        dv::p("joined", &Parts::joined, Joined::no, "a switch with a third position", dv::choices{"false", "true", "mul"}),
        dv::p("word", &Parts::word, "one", "a choice of texts", dv::choices{"one", "two"}),
        dv::p("limit", &Parts::limit, dv::unset, "may be absent"), dv::p("label", &Parts::label, "x", "has a default"),
        dv::p("sizes", &Parts::sizes, dv::list(1, 2), "integers"), dv::p("names", &Parts::names, dv::empty, "texts"),
        dv::p("modes", &Parts::modes, dv::empty, "enums", dv::choices{"min", "max"}),
        dv::p("inner", &Parts::inner, dv::table, "a table"), dv::p("inners", &Parts::inners, dv::empty, "tables"),
        dv::p("nested", &Parts::nested, dv::unset, "a component"));
};

class Binding : public ::testing::Test {
protected:
    Parts bound(const Config& table) {
        Parts parts;
        table_ = table;
        config_ = dv::testing::config_of(table_);
        dv::detail::bind_table(*host_.for_component("p", "c", "x"), config_, config_.root, parts);
        return parts;
    }
    dv::testing::Host host_;
    Config table_;
    dv_config config_{};
};

TEST_F(Binding, TakesDefaultsFromTheDeclaration) {
    const Parts parts = bound({});
    EXPECT_TRUE(parts.on);
    EXPECT_EQ(parts.small, 3);
    EXPECT_EQ(parts.large, 7u);
    EXPECT_EQ(parts.single, 0.25f);
    EXPECT_EQ(parts.number, 2e-4);
    EXPECT_EQ(parts.text, "hello");
    EXPECT_EQ(parts.file, "a/b");
    EXPECT_EQ(parts.mode, Mode::max);
    EXPECT_EQ(parts.word, "one");
    EXPECT_EQ(parts.limit, std::nullopt);
    EXPECT_EQ(parts.label, "x");
    EXPECT_EQ(parts.sizes, (std::vector<std::int64_t>{1, 2}));
    EXPECT_TRUE(parts.names.empty());
    EXPECT_EQ(parts.inner.b, 2);
    EXPECT_EQ(parts.inner.weights, (std::vector<double>{0.5, 1.0}));
    EXPECT_FALSE(parts.nested);
    EXPECT_EQ(parts.nested.type(), "");
}

TEST_F(Binding, TakesWhatIsGiven) {
    const Parts parts = bound({{"on", false},
                               {"small", -4},
                               {"large", INT64_MAX},
                               {"single", 1},
                               {"number", 3},
                               {"text", "größe"},
                               {"file", "/x/y"},
                               {"mode", "min"},
                               {"word", "two"},
                               {"limit", 0},
                               {"label", ""},
                               {"sizes", list()},
                               {"names", list("a", "b")},
                               {"modes", list("max", "min", "max")}});
    EXPECT_FALSE(parts.on);
    EXPECT_EQ(parts.small, -4);
    EXPECT_EQ(parts.large, static_cast<std::uint64_t>(INT64_MAX));
    EXPECT_EQ(parts.single, 1.0f);
    EXPECT_EQ(parts.number, 3.0);
    EXPECT_EQ(parts.text, "größe");
    EXPECT_EQ(parts.file, "/x/y");
    EXPECT_EQ(parts.mode, Mode::min);
    EXPECT_EQ(parts.word, "two");
    EXPECT_EQ(parts.limit, 0.0);
    EXPECT_EQ(parts.label, "");
    EXPECT_TRUE(parts.sizes.empty());
    EXPECT_EQ(parts.names, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(parts.modes, (std::vector<Mode>{Mode::max, Mode::min, Mode::max}));
}

TEST_F(Binding, AnEnumMayHaveTheChoicesTrueAndFalse) {
    EXPECT_EQ(bound({}).joined, Joined::no);
    EXPECT_EQ(bound({{"joined", true}}).joined, Joined::yes);
    EXPECT_EQ(bound({{"joined", false}}).joined, Joined::no);
    EXPECT_EQ(bound({{"joined", "mul"}}).joined, Joined::mul);
}

TEST_F(Binding, FillsTablesAndListsOfTables) {
    const Parts parts =
        bound({{"inner", Config{{"b", 9}}}, {"inners", list(Config{{"a", 5}}, Config{{"weights", list(1.5)}})}});
    EXPECT_EQ(parts.inner.a, 1);
    EXPECT_EQ(parts.inner.b, 9);
    ASSERT_EQ(parts.inners.size(), 2u);
    EXPECT_EQ(parts.inners[0].a, 5);
    EXPECT_EQ(parts.inners[1].a, 1);
    EXPECT_EQ(parts.inners[1].weights, std::vector<double>{1.5});
}

TEST_F(Binding, ANestedComponentKnowsItsTypeAndNeedsAFactory) {
    const Parts parts = bound({{"nested", Config{{"type", "test.logger.csv"}}}});
    EXPECT_TRUE(parts.nested);
    EXPECT_EQ(parts.nested.type(), "test.logger.csv");
}

TEST_F(Binding, SaysWhatTheHostDidNotGive) {
    const auto refusal = [&](const Config& table) -> std::string {
        try {
            bound(table);
        } catch (const dv::Error& error) {
            return error.what();
        }
        return "accepted";
    };
    EXPECT_NE(refusal({{"on", 1}}).find("no bool"), std::string::npos);
    EXPECT_NE(refusal({{"small", "x"}}).find("no integer"), std::string::npos);
    EXPECT_NE(refusal({{"number", "x"}}).find("no number"), std::string::npos);
    EXPECT_NE(refusal({{"text", 1}}).find("no string"), std::string::npos);
    EXPECT_NE(refusal({{"sizes", list("x")}}).find("no integer"), std::string::npos);
}

}  // namespace

// The text of a component's note: written at compile time, read by the host before any plugin is loaded.
#include <dv/factory.hpp>
#include <dv/logger.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstring>

namespace {

struct Inner {
    double gain = 0;
    std::vector<std::string> names;
    static constexpr auto params = dv::schema(dv::p("gain", &Inner::gain, 0.5, "how much", dv::range{0, 1}),
                                              dv::p("names", &Inner::names, dv::list("a", "b"), "which"));
};

enum class Mode { min, max };

struct Everything final : dv::Logger {
    bool on = false;
    std::int32_t every = 0;
    double tau = 0;
    std::string text;
    std::filesystem::path file;
    Mode mode = Mode::min;
    std::optional<double> limit;
    std::vector<std::int64_t> sizes;
    Inner inner;
    std::vector<Inner> inners;
    dv::Factory<dv::Logger> nested, absent;
    static constexpr auto params = dv::schema(
        dv::p("on", &Everything::on, true, "a \"switch\""),
        dv::p("every", &Everything::every, 50, "rows\nbetween flushes", dv::range{1, 1000}, dv::multiple_of{5}),
        dv::p("tau", &Everything::tau, 5, "time constant", dv::unit{"ms"}, dv::above{0.0}, dv::below{1e6}),
        dv::p("text", &Everything::text, "a\\b", "some text", dv::since{"1.2.0"}, dv::secret),
        dv::p("file", &Everything::file, "", "a file", dv::required),
        dv::p("mode", &Everything::mode, Mode::max, "direction", dv::choices{"min", "max"}),
        dv::p("limit", &Everything::limit, dv::unset, "stops here", dv::at_least{0}),
        dv::p("sizes", &Everything::sizes, dv::list(1, -2), "sizes"),
        dv::p("inner", &Everything::inner, dv::table, "one table"),
        dv::p("inners", &Everything::inners, dv::empty, "tables", dv::deprecated{"too many", "inner"}),
        dv::p("nested", &Everything::nested, "csv", "another logger"),
        dv::p("absent", &Everything::absent, dv::unset, "perhaps another"));
};

constexpr std::string_view kExpected = R"(iface = "dv.logger"
iface_version = 1
id = "test.logger.everything"
doc = "Has a parameter of each type"
[[param]]
name = "on"
type = "bool"
default = true
doc = "a \"switch\""
[[param]]
name = "every"
type = "int"
default = 50
doc = "rows\nbetween flushes"
min = 1.0
max = 1000.0
multiple_of = 5.0
[[param]]
name = "tau"
type = "float"
default = 5.0
doc = "time constant"
above = 0.0
below = 1000000.0
unit = "ms"
[[param]]
name = "text"
type = "string"
default = "a\\b"
doc = "some text"
since = "1.2.0"
secret = true
[[param]]
name = "file"
type = "path"
doc = "a file"
required = true
[[param]]
name = "mode"
type = "enum"
default = "max"
doc = "direction"
choices = ["min", "max"]
[[param]]
name = "limit"
type = "float"
optional = true
doc = "stops here"
min = 0.0
[[param]]
name = "sizes"
type = "list<int>"
default = [1, -2]
doc = "sizes"
[[param]]
name = "inner"
type = "table"
doc = "one table"
[[param.param]]
name = "gain"
type = "float"
default = 0.5
doc = "how much"
min = 0.0
max = 1.0
[[param.param]]
name = "names"
type = "list<string>"
default = ["a", "b"]
doc = "which"
[[param]]
name = "inners"
type = "list<table>"
default = []
doc = "tables"
deprecated = "too many"
replace_with = "inner"
[[param.param]]
name = "gain"
type = "float"
default = 0.5
doc = "how much"
min = 0.0
max = 1.0
[[param.param]]
name = "names"
type = "list<string>"
default = ["a", "b"]
doc = "which"
[[param]]
name = "nested"
type = "component<dv.logger>"
default = "csv"
doc = "another logger"
[[param]]
name = "absent"
type = "component<dv.logger>"
optional = true
doc = "perhaps another"
)";

constexpr std::size_t kLength = dv::detail::component_text<Everything>(
    nullptr, "dv.logger", 1, "test.logger.everything", "Has a parameter of each type");

TEST(NoteText, IsTheDeclarationAsToml) {
    std::string text(kLength, '\0');
    dv::detail::component_text<Everything>(text.data(), "dv.logger", 1, "test.logger.everything",
                                           "Has a parameter of each type");
    EXPECT_EQ(text, kExpected);
}

TEST(NoteText, IsTheSameWhenTheCompilerWritesIt) {
    static constexpr auto note = dv::detail::component_note<Everything, kLength>(
        "dv.logger", 1, "test.logger.everything", "Has a parameter of each type");
    EXPECT_EQ(std::string_view(note.payload, note.payload_size), kExpected);
    EXPECT_EQ(note.owner_size, 7u);
    EXPECT_STREQ(note.owner, "dvhost");
    EXPECT_EQ(note.type, DV_NOTE_COMPONENT);
    EXPECT_EQ(sizeof note % 4, 0u);
}

struct Nothing final : dv::Logger {};

TEST(NoteText, HasNoParametersWhereNoneAreDeclared) {
    std::array<char, 256> text{};
    const std::size_t n =
        dv::detail::component_text<Nothing>(text.data(), "dv.logger", 1, "test.logger.nothing", "None");
    EXPECT_EQ(std::string_view(text.data(), n),
              "iface = \"dv.logger\"\niface_version = 1\nid = \"test.logger.nothing\"\ndoc = \"None\"\n");
}

}  // namespace

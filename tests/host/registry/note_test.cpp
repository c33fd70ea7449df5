#include "registry/note.hpp"

#include "elf_builder.hpp"

#include <dv/schema.hpp>

#include <dv/note.hpp>

#include <gtest/gtest.h>

namespace dvhost::registry {
namespace {

using testing::bytes_of;
using testing::component_note;
using testing::ElfBuilder;
using testing::good_plugin;
using testing::NoteSpec;
using testing::plugin_note;

constexpr std::uint32_t kPlugin = 0x44560001u, kComponent = 0x44560002u, kFingerprint = 0x44560003u;

PluginInfo read(const std::vector<NoteSpec>& notes) {
    ElfBuilder builder;
    builder.notes = notes;
    const std::string file = builder.build();
    return read_notes(ElfImage(bytes_of(file))).value();
}

std::string reason(const std::vector<NoteSpec>& notes) {
    try {
        read(notes);
        return "";
    } catch (const NoteError& error) {
        return error.what();
    }
}

/// With one good plugin note and one component that has `parameters`.
std::string reason_with(const std::string& parameters) {
    return reason({{kPlugin, plugin_note()}, {kComponent, component_note("lab.logger.test", parameters)}});
}

/// A whole note line by line; the second replaces the first.
std::string plugin_reason(const std::string& line, const std::string& replacement) {
    std::string text = plugin_note();
    text.replace(text.find(line), line.size(), replacement);
    return reason({{kPlugin, text}, {kComponent, component_note()}});
}

enum class Mode { plain, fancy };
enum class Joined { no, yes, mul };

struct Inner {
    double gain = 0;
    static constexpr auto params = dv::schema(dv::p("gain", &Inner::gain, 0.5, "how much", dv::above{0.0}));
};

struct Everything {
    bool on = false;
    int every = 0;
    double rate = 0;
    std::string path;
    std::filesystem::path folder;
    Mode mode = Mode::plain;
    Joined joined = Joined::no;
    std::optional<int> limit;
    std::vector<double> betas;
    std::vector<std::string> names;
    Inner inner;
    std::vector<Inner> stages;
    std::string token;
    std::string required;
    static constexpr auto params =
        dv::schema(dv::p("on", &Everything::on, true, "a switch"),
                   dv::p("every", &Everything::every, 50, "rows", dv::range{1, 1000}, dv::multiple_of{5}),
                   dv::p("rate", &Everything::rate, 2e-4, "step", dv::unit{"1/ms"}, dv::above{0.0}, dv::below{1.0}),
                   dv::p("path", &Everything::path, "a \"quoted\" \\ one", "where"),
                   dv::p("folder", &Everything::folder, ".", "where too", dv::since{"1.1.0"}),
                   dv::p("mode", &Everything::mode, Mode::fancy, "how", dv::choices{"plain", "fancy"}),
                   dv::p("joined", &Everything::joined, Joined::yes, "a switch with a third position",
                         dv::choices{"false", "true", "mul"}),
                   dv::p("limit", &Everything::limit, dv::unset, "if any", dv::deprecated{"too blunt", "rate"}),
                   dv::p("betas", &Everything::betas, dv::list(0.9, 0.999), "decay"),
                   dv::p("names", &Everything::names, dv::empty, "of what"),
                   dv::p("inner", &Everything::inner, dv::table, "a table"),
                   dv::p("stages", &Everything::stages, dv::empty, "tables"),
                   dv::p("token", &Everything::token, "", "key", dv::secret),
                   dv::p("needed", &Everything::required, "", "must be given", dv::required));
};

ComponentInfo everything() {
    std::string text(dv::detail::component_text<Everything>(nullptr, "dv.logger", 1, "lab.logger.all", "All"), '\0');
    dv::detail::component_text<Everything>(text.data(), "dv.logger", 1, "lab.logger.all", "All");
    return read({{kPlugin, plugin_note()}, {kComponent, text}}).components.at(0);
}

TEST(Note, ReadsBackWhatTheSdkWrites) {
    const ComponentInfo component = everything();
    EXPECT_EQ(component.id, "lab.logger.all");
    EXPECT_EQ(component.short_name(), "all");
    EXPECT_EQ(component.kind(), "logger");
    std::vector<std::string> lines;
    for (const ParameterSchema& p : component.parameters) {
        lines.push_back(p.name + ": " + p.type_text() + " = " + p.default_text() + " (" + p.constraint_text() + ")");
    }
    EXPECT_EQ(lines, (std::vector<std::string>{
                         "on: bool = true ()",
                         "every: int = 50 (between 1 and 1000, a multiple of 5)",
                         "rate: float = 2e-04 (> 0 and < 1)",
                         "path: string = \"a \\\"quoted\\\" \\\\ one\" ()",
                         "folder: path = \".\" ()",
                         "mode: enum = \"fancy\" (one of: plain, fancy)",
                         "joined: enum = true (one of: false, true, mul)",
                         "limit: int =  ()",
                         "betas: list<float> = [0.9, 0.999] ()",
                         "names: list<string> = [] ()",
                         "inner: table =  ()",
                         "stages: list<table> = [] ()",
                         "token: string = \"\" ()",
                         "needed: string =  ()",
                     }));
    EXPECT_EQ(component.parameters[2].unit, "1/ms");
    EXPECT_EQ(component.parameters[4].since, "1.1.0");
    EXPECT_TRUE(component.parameters[7].optional);
    EXPECT_EQ(component.parameters[7].deprecated, "too blunt");
    EXPECT_EQ(component.parameters[7].replace_with, "rate");
    ASSERT_EQ(component.parameters[11].nested.size(), 1u);
    EXPECT_EQ(component.parameters[11].nested[0].above, 0.0);
    EXPECT_TRUE(component.parameters[12].secret);
    EXPECT_TRUE(component.parameters[13].required);
}

TEST(Note, ReadsThePluginsOwnNote) {
    const PluginInfo info =
        read({{kComponent, component_note("lab.logger.b")},
              {kPlugin, plugin_note("lab.tools",
                                    "authors = \"A, B\"\nurl = \"https://lab.example\"\n"
                                    "description = \"d\"\nbuild = \"gcc\"\nrequires = []\nlater = 1\n"
                                    "op_namespaces = [\"lab_ops\"]\n")},
              {kComponent, component_note("lab.logger.a")}});
    EXPECT_EQ(info.id, "lab.tools");
    EXPECT_EQ(info.version, "1.2.3");
    EXPECT_EQ(info.plugin_class, PluginClass::portable);
    EXPECT_EQ(info.abi_major, 1);
    EXPECT_EQ(info.abi_minor, 0);
    EXPECT_EQ(info.license, "MIT");
    EXPECT_EQ(info.authors, "A, B");
    EXPECT_EQ(info.op_namespaces, std::vector<std::string>{"lab_ops"});
    ASSERT_EQ(info.components.size(), 2u);
    EXPECT_EQ(info.components[0].id, "lab.logger.a");  // sorted, whatever the linker did
}

TEST(Note, IsAbsentWhereNobodyLeftOne) {
    ElfBuilder builder;
    builder.notes = {{kPlugin, plugin_note(), "another"}};
    const std::string file = builder.build();
    EXPECT_EQ(read_notes(ElfImage(bytes_of(file))), std::nullopt);
}

TEST(Note, IgnoresTypesAndKeysOfANewerSdk) {
    const PluginInfo info = read({{kPlugin, plugin_note("lab.test", "mood = \"good\"\n")},
                                  {kComponent, component_note("lab.logger.x", "[colour]\nred = 1\n")},
                                  {0x44560009u, "\x01\x02 not even text"}});
    EXPECT_EQ(info.components.at(0).id, "lab.logger.x");
}

TEST(Note, CountsItsKinds) {
    const NoteSpec plugin{kPlugin, plugin_note()}, component{kComponent, component_note()};
    EXPECT_EQ(reason({plugin, component, plugin}), "note 2: a second plugin note, allowed is 1");
    EXPECT_EQ(reason({component}), "no plugin note, expected 1");
    EXPECT_EQ(reason({plugin}), "no component note, expected 1 or more");
    EXPECT_EQ(reason({plugin, component, component}), "two component notes for 'lab.logger.test'");
    EXPECT_EQ(plugin_reason("class = \"portable\"", "class = \"torch\""),
              "class torch without a fingerprint note, expected one per translation unit");
}

TEST(Note, NamesLineAndColumnOfASyntaxError) {
    const std::string text = reason_with("[[param]]\nname = \"x\"\ntype = int\n");
    EXPECT_EQ(text.substr(0, text.find(": ")), "note 1, line 7, column 10");
}

TEST(Note, IsUtf8) { EXPECT_EQ(reason({{kPlugin, "format = 1\nid = \"\xff\"\n"}}), "note 0: not UTF-8 at byte 17"); }

TEST(Note, StaysWithinItsLimits) {
    const NoteSpec plugin{kPlugin, plugin_note()};
    const std::string comment(kMaxNotePayload, '#');
    EXPECT_EQ(reason({plugin, {kComponent, comment + "#"}}), "note 1: payload of 65537 bytes, allowed are 65536");

    std::vector<NoteSpec> many(17, NoteSpec{kFingerprint, comment});
    EXPECT_EQ(reason(many), "note 16: together with those before it 1114112 bytes of payload, allowed are 1048576");

    many.assign(kMaxNotes + 1, NoteSpec{kFingerprint, ""});
    EXPECT_EQ(reason(many), "note 4097: number 4098 of dvhost's notes, allowed are 4097");
}

TEST(Note, IsNotNestedDeeperThanTheParserCanBear) {
    const auto nested = [](int n) { return "x = " + std::string(n, '[') + std::string(n, ']') + "\n"; };
    EXPECT_EQ(reason_with(nested(16)), "");
    EXPECT_EQ(reason_with(nested(17)), "note 1, line 5, column 21: nested deeper than 16");
    EXPECT_EQ(reason_with(nested(30'000)), "note 1, line 5, column 21: nested deeper than 16");
    const auto dotted = [](int n) {
        std::string key = "a";
        for (int i = 1; i < n; ++i) key += ".a";
        return key;
    };
    EXPECT_EQ(reason_with(dotted(16) + " = 1\n"), "");
    EXPECT_NE(reason_with(dotted(20'000) + " = 1\n").find("nested deeper than 16"), std::string::npos);
    EXPECT_NE(reason_with("[" + dotted(20'000) + "]\n").find("nested deeper than 16"), std::string::npos);
}

TEST(Note, CountsNoBracketsInTextAndComments) {
    const std::string deep(40, '[');
    EXPECT_EQ(reason_with("a = \"" + deep + "\\\"" + deep + "\"\nb = '" + deep + "' # " + deep + "\n"), "");
    EXPECT_EQ(reason_with("a = \"\"\"" + deep + "\n\"" + deep + "\"\"\"\nb = 1.5\n"), "");
    EXPECT_NE(reason_with("a = [\"\"\"x\"\"\"\", " + deep + "]\n").find("nested deeper"), std::string::npos);
}

TEST(Note, ChecksThePluginsKeys) {
    EXPECT_EQ(plugin_reason("format = 1", "format = 2"), "note 0: 'format' is 2, this host reads 1");
    EXPECT_EQ(plugin_reason("format = 1\n", ""), "note 0: 'format' is missing");
    EXPECT_EQ(plugin_reason("\"1.2.3\"", "1"), "note 0: 'version' is an integer, expected a string");
    EXPECT_EQ(plugin_reason("\"portable\"", "\"fast\""),
              "note 0: 'class' is \"fast\", expected \"portable\" or \"torch\"");
    EXPECT_EQ(plugin_reason("\"1.0\"", "\"one\""), "note 0: 'abi' is \"one\", expected \"major.minor\"");
    EXPECT_EQ(plugin_reason("license", "op_namespaces = [\"other\"]\nlicense"),
              "note 0: operator namespace 'other' does not begin with the vendor 'lab'");
}

TEST(Note, ChecksNames) {
    for (const std::string bad : {"lab", "lab..x", ".lab.x", "lab.x.", "Lab.x", "lab.x/../y", "lab.x\\u001b"}) {
        EXPECT_NE(plugin_reason("lab.test", bad).find("is not a plugin id"), std::string::npos) << bad;
    }
    EXPECT_EQ(reason({{kPlugin, plugin_note()}, {kComponent, component_note("lab.csv")}}),
              "note 1: 'lab.csv' is not a component id (vendor.kind.name, of a-z, 0-9 and _)");
    EXPECT_EQ(reason_with("[[param]]\nname = \"a b\"\ntype = \"int\"\n"),
              "note 1: 'a b' is not a parameter name (letters, digits, _ and -)");
    EXPECT_FALSE(well_formed_id(std::string(129, 'a') + ".b.c", 3));
    EXPECT_TRUE(well_formed_id("a.b_2.c", 3));
}

TEST(Note, ChecksParameters) {
    const auto parameter = [](const std::string& lines) {
        return reason_with("[[param]]\nname = \"x\"\n" + lines + "\n");
    };
    const std::string where = "note 1, parameter 'x': ";
    EXPECT_EQ(parameter("type = \"int\"\ndefault = \"5\""), where + "the default is a string, but the type is int");
    EXPECT_EQ(parameter("type = \"list<int>\"\ndefault = 5"),
              where + "the default is an integer, but the type is list<int>");
    EXPECT_EQ(parameter("type = \"list<int>\"\ndefault = [1, 2.5]"),
              where + "the default is a float, but the type is list<int>");
    EXPECT_EQ(parameter("type = \"float\"\ndefault = 5"), "");
    EXPECT_EQ(parameter("type = \"enum\"\ndefault = \"a\""), where + "an enum without 'choices'");
    EXPECT_EQ(parameter("type = \"duration\"").rfind(where + "type 'duration' is not known to this host (bool, ", 0),
              0u);
    EXPECT_EQ(parameter("type = \"list<list<int>>\"").rfind(where + "type 'list<list<int>>' is not known", 0), 0u);
    EXPECT_EQ(parameter("type = \"component<Nonsense>\""), where + "'Nonsense' is not an interface id");
    EXPECT_EQ(parameter("type = \"int\"\nmin = \"1\""), where + "'min' is a string, expected a number");
    EXPECT_EQ(parameter("type = \"int\"\nrequired = 1"), where + "'required' is an integer, expected a bool");
    EXPECT_EQ(parameter("type = \"int\"\n[[param.param]]\nname = \"y\"\ntype = \"int\""),
              where + "parameters of its own, but the type is int");
    EXPECT_EQ(parameter("type = \"int\"\n[[param]]\nname = \"x\"\ntype = \"int\""),
              "note 1: parameter 'x' is declared twice");
}

TEST(Note, KnowsComponentParameters) {
    const ComponentInfo component =
        read({{kPlugin, plugin_note()},
              {kComponent, component_note("lab.model.m",
                                          "[[param]]\nname = \"r\"\ntype = \"list<component<dv.recurrence>>\"\n"
                                          "optional = true\n")}})
            .components.at(0);
    EXPECT_EQ(component.parameters.at(0).type_text(), "list<component<dv.recurrence>>");
    EXPECT_EQ(component.parameters.at(0).iface, "dv.recurrence");
}

TEST(Note, ShowsNoControlCharactersOfADocumentation) {
    const ComponentInfo component =
        read({{kPlugin, plugin_note()},
              {kComponent,
               component_note("lab.logger.a", "[[param]]\nname = \"r\"\ntype = \"int\"\ndoc = \"\\u001b[2J\"\n")}})
            .components.at(0);
    EXPECT_EQ(component.parameters.at(0).doc, "\\x1b[2J");
}

}  // namespace
}  // namespace dvhost::registry

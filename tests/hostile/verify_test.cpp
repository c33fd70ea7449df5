/// `plugins verify` on good and bad plugins.

#include "hostile.hpp"

#include "registry/verify.hpp"

#include "elf_builder.hpp"

namespace dvhost::hostile {
namespace {

using registry::CheckResult;
using registry::Verdict;
using registry::verify_load_in_child;
using registry::verify_static;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::filesystem::path kThisProgram = "/proc/self/exe";

CheckResult result(const std::vector<CheckResult>& results, std::string_view id) {
    for (const CheckResult& r : results) {
        if (r.id == id) return r;
    }
    throw std::logic_error("no check " + std::string(id));
}

std::string overview(const std::vector<CheckResult>& results) {
    std::string out;
    for (const CheckResult& r : results) out += r.id + " " + std::string(verdict_text(r.verdict)) + "\n";
    return out;
}

TEST(VerifyStatic, AGoodPluginPassesEverything) {
    EXPECT_EQ(overview(verify_static(THROWING_PLUGIN)),
              "S01 pass\nS02 pass\nS03 pass\nS04 pass\nS05 pass\nS06 pass\nS07 pass\nS08 pass\nS09 pass\nS10 pass\n"
              "S11 pass\nS12 pass\nS13 skip\nS14 pass\n");
}

TEST(VerifyStatic, AFingerprintIsCompared) {
    EXPECT_EQ(result(verify_static(raw_plugin("this_torch")), "S13").verdict, Verdict::pass);
    const CheckResult other = result(verify_static(raw_plugin("other_torch")), "S13");
    EXPECT_EQ(other.verdict, Verdict::fail);
    EXPECT_THAT(other.reason, HasSubstr("built for LibTorch 1.13.1, this host runs 2.11.0"));
    EXPECT_THAT(other.fix, HasSubstr("cmake -Ddvsdk_DIR"));
}

TEST(VerifyStatic, MissingThingsAreFound) {
    EXPECT_THAT(result(verify_static(raw_plugin("lost_names")), "S12").reason, HasSubstr("lost::two(int)"));
    EXPECT_THAT(result(verify_static(raw_plugin("missing_library")), "S08").reason, HasSubstr("libhostile_gone.so.3"));
    EXPECT_THAT(result(verify_static(raw_plugin("needs_python")), "S08").reason, HasSubstr("without Python"));
    EXPECT_THAT(result(verify_static(raw_plugin("no_entry")), "S06").reason, HasSubstr("some_other_symbol"));
}

class VerifyMade : public ::testing::Test {
protected:
    testing::TemporaryFolder folder;
    testing::ElfBuilder plugin = testing::good_plugin();

    std::vector<CheckResult> verified() { return verify_static(folder.write("made.so", plugin.build())); }
    void expect_only_failure(std::string_view id, std::string_view reason) {
        for (const CheckResult& r : verified()) {
            EXPECT_EQ(r.verdict == Verdict::fail, r.id == id) << r.id << ": " << r.reason;
            if (r.id != id) continue;
            EXPECT_THAT(r.reason, HasSubstr(reason));
            EXPECT_FALSE(r.fix.empty());
        }
    }
};

TEST_F(VerifyMade, PassesAsItIs) {
    for (const CheckResult& r : verified()) EXPECT_NE(r.verdict, Verdict::fail) << r.id << ": " << r.reason;
}

TEST_F(VerifyMade, ADefaultOutsideItsRangeIsS05) {
    plugin.notes[1].payload += "[[param]]\nname = \"every\"\ntype = \"int\"\ndefault = 0\nmin = 1\ndoc = \"rows\"\n";
    expect_only_failure("S05", "parameter 'every': the default 0 is not at least 1");
}
TEST_F(VerifyMade, AMissingDocumentationIsS05) {
    plugin.notes[1].payload += "[[param]]\nname = \"every\"\ntype = \"int\"\ndefault = 0\n";
    expect_only_failure("S05", "parameter 'every': no documentation");
}
TEST_F(VerifyMade, ASecondExportIsS06) {
    plugin.symbols.push_back({"oops"});
    expect_only_failure("S06", "exports 2 names, expected dv_plugin_entry alone: dv_plugin_entry; oops");
}
TEST_F(VerifyMade, TextRelocationsAndAnExecutableStackAreS07) {
    plugin.text_relocations = true;
    plugin.stack_flags = PF_R | PF_W | PF_X;
    expect_only_failure("S07", "text relocations; an executable stack");
}
TEST_F(VerifyMade, NeedingAnotherPluginIsS08) {
    folder.write("libother.so", testing::good_plugin("lab.other", "lab.logger.other").build());
    plugin.needed = {"libother.so"};
    plugin.runpath = "$ORIGIN";
    expect_only_failure("S08", "needs other plugins: libother.so");
}
TEST_F(VerifyMade, AnRpathOfThisMachineIsS09) {
    plugin.runpath = "$ORIGIN:/opt/lab/lib";
    expect_only_failure("S09", "/opt/lab/lib");
}
TEST_F(VerifyMade, LazyBindingIsS10) {
    plugin.flags_1 = 0;
    expect_only_failure("S10", "bound lazily");
}
TEST_F(VerifyMade, AProcessWideUniqueSymbolIsS11) {
    plugin.symbols = {{"dv_plugin_entry", true, STB_GNU_UNIQUE}};
    expect_only_failure("S11", "dv_plugin_entry");
}
TEST_F(VerifyMade, NoLicenseIsS14) {
    std::string& note = plugin.notes[0].payload;
    note.erase(note.find("license"), std::string("license = \"MIT\"\n").size());
    expect_only_failure("S14", "no license");
}

TEST_F(VerifyMade, WhatNeedsAFailedCheckIsSkipped) {
    const auto absent = verify_static(folder / "absent.so");
    EXPECT_EQ(absent[0].verdict, Verdict::fail);
    EXPECT_EQ(absent[0].reason, "does not exist");
    EXPECT_EQ(absent.size(), 14u);
    EXPECT_EQ(absent[13].verdict, Verdict::skip);
    EXPECT_THAT(result(verify_static(folder.write("text.so", "hello")), "S02").reason, StartsWith("not an ELF file"));
    plugin.notes[1].payload = "not = [toml";
    EXPECT_THAT(result(verified(), "S03").reason, StartsWith("note 1, line 1"));
    plugin.notes[1].payload = testing::component_note("Bad.Id");
    EXPECT_EQ(result(verified(), "S03").verdict, Verdict::pass);
    EXPECT_THAT(result(verified(), "S04").reason, HasSubstr("'Bad.Id' is not a component id"));
    plugin.notes.clear();
    EXPECT_EQ(result(verified(), "S03").reason, "no dvhost note; not a plugin");
}

TEST(VerifyLoad, AGoodPluginPassesInAChild) {
    EXPECT_EQ(overview(verify_load_in_child(kThisProgram, raw_plugin("good"))),
              "L01 pass\nL02 pass\nL03 pass\nL04 pass\nL05 pass\nL06 pass\n");
}

TEST(VerifyLoad, AGoodPluginPassesInThisProcessAndReportsAsItGoes) {
    std::vector<std::string> reported;
    const auto results =
        registry::verify_load(THROWING_PLUGIN, [&](const CheckResult& r) { reported.push_back(r.id); });
    EXPECT_EQ(overview(results), "L01 pass\nL02 pass\nL03 pass\nL04 pass\nL05 pass\nL06 pass\n");
    EXPECT_EQ(reported.size(), 6u);
}

TEST(VerifyLoad, WhatLoadingChangesIsNamed) {
    const CheckResult changed = result(verify_load_in_child(kThisProgram, raw_plugin("sets_on_load")), "L02");
    EXPECT_EQ(changed.verdict, Verdict::fail);
    EXPECT_THAT(changed.reason, HasSubstr("environment variable HOSTILE: none before, 1 after"));
    EXPECT_THAT(changed.reason, HasSubstr("umask: "));
    EXPECT_THAT(changed.reason, HasSubstr("handler of signal 10: "));
}

TEST(VerifyLoad, WhatLoadingPrintsIsCaught) {
    const CheckResult printed = result(verify_load_in_child(kThisProgram, raw_plugin("prints_on_load")), "L03");
    EXPECT_EQ(printed.verdict, Verdict::fail);
    EXPECT_EQ(printed.reason, "printed: hello");
}

TEST(VerifyLoad, TablesAreComparedWithTheNote) {
    const auto results = verify_load_in_child(kThisProgram, raw_plugin("another_id"));
    EXPECT_EQ(result(results, "L04").verdict, Verdict::pass);
    EXPECT_EQ(result(results, "L05").verdict, Verdict::fail);
    EXPECT_THAT(result(results, "L05").reason, HasSubstr("hostile.impostor"));
    EXPECT_EQ(result(results, "L06").verdict, Verdict::skip);
    EXPECT_THAT(result(verify_load_in_child(kThisProgram, raw_plugin("wrong_magic")), "L04").reason,
                HasSubstr("magic"));
}

TEST(VerifyLoad, ACrashAnExitAndAHangFailTheCheckTheyHappenIn) {
    const auto crashed = verify_load_in_child(kThisProgram, raw_plugin("crashes_on_load"));
    EXPECT_EQ(result(crashed, "L01").verdict, Verdict::fail);
    EXPECT_THAT(result(crashed, "L01").reason, StartsWith("SIGABRT while loading"));
    EXPECT_EQ(result(crashed, "L02").verdict, Verdict::skip);
    EXPECT_EQ(crashed.size(), 6u);
    EXPECT_THAT(result(verify_load_in_child(kThisProgram, raw_plugin("exits_on_load")), "L01").reason,
                StartsWith("called exit(7) while loading"));
    const auto hung = verify_load_in_child(kThisProgram, raw_plugin("hangs_on_load"), std::chrono::seconds(3));
    EXPECT_EQ(result(hung, "L01").reason, "did not finish loading in 3 s");
}

TEST(VerifyLoad, AFileThatIsNoPluginFailsBeforeItIsLoaded) {
    const auto results = verify_load_in_child(kThisProgram, raw_plugin("wrong_abi_in_note"));
    EXPECT_THAT(result(results, "L01").reason, HasSubstr("built for plugin ABI 2.0"));
}

TEST(VerifyLoad, AProgramThatCannotBeStartedIsAnError) {
    EXPECT_THROW(verify_load_in_child("/no/such/program", raw_plugin("good")), std::system_error);
}

}  // namespace
}  // namespace dvhost::hostile

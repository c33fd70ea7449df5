/// Plugins that break a promise when they are loaded: each breach has its own text, and the good plugin goes on.

#include "hostile.hpp"

#include <cstdlib>

namespace dvhost::hostile {
namespace {

namespace fs = std::filesystem;
using ::testing::StartsWith;

struct Breach {
    const char* plugin;
    const char* reason;
};

class HostileLoad : public HostileTest {
protected:
    void expect(const Breach& breach) {
        const Refusal refused = refusal_of(breach.plugin);
        EXPECT_EQ(refused.reason, breach.reason) << breach.plugin;
        EXPECT_EQ(refused.code, ExitCode::rejected) << breach.plugin;
    }
};

TEST_F(HostileLoad, EveryBreachOfTheHandshakeHasItsOwnText) {
    for (const Breach& breach : {
             Breach{"null_entry", "entry returned null"},
             {"no_entry", "symbol dv_plugin_entry missing; build it with dv_add_plugin()"},
             {"wrong_magic", "dv_plugin.magic is 0x12345678, expected 0x44564831"},
             {"wrong_abi_in_table", "dv_plugin.abi_major is 2, accepted is 1"},
             {"tiny_plugin", "dv_plugin.size is 16, accepted are 48 to 65536"},
             {"huge_plugin", "dv_plugin.size is 65544, accepted are 48 to 65536"},
             {"tiny_component", "components[0].size is 8, accepted are 48 to 65536"},
             {"tiny_table", "component 'hostile.logger.tiny_table': vtable.size is 8, accepted are 16 to 65536"},
             {"no_components", "dv_plugin.n_components is 0, accepted are 1 to 4096"},
             {"too_many_components", "dv_plugin.n_components is 5000, accepted are 1 to 4096"},
             {"beyond_components", "dv_plugin.components points outside the plugin"},
             {"unknown_class", "dv_plugin.plugin_class is 7, accepted are 1 (portable) and 2 (torch)"},
             {"null_component", "components[0] is null"},
             {"component_elsewhere", "components[0] points outside the plugin"},
             {"function_elsewhere",
              "component 'hostile.logger.function_elsewhere': destroy points outside the plugin's code"},
             {"function_in_data",
              "component 'hostile.logger.function_in_data': create points outside the plugin's code"},
             {"vtable_function_in_data",
              "component 'hostile.logger.vtable_function_in_data': vtable, function 4 points outside the plugin's "
              "code"},
             {"no_create", "component 'hostile.logger.no_create': create is null"},
             {"no_interface", "component 'hostile.logger.no_interface' has neither a vtable nor a query function"},
             {"unterminated_id", "dv_plugin.id is not terminated within 4096 bytes"},
         }) {
        expect(breach);
    }
}

TEST_F(HostileLoad, WhatWasListedIsWhatRuns) {
    for (const Breach& breach : {
             Breach{"another_id",
                    "plugin id is 'hostile.impostor' in the plugin's table, 'hostile.another_id' in its note"},
             {"another_version", "plugin version is '9.9.9' in the plugin's table, '1.0.0' in its note"},
             {"another_class", "plugin class is 'torch' in the plugin's table, 'portable' in its note"},
             {"another_iface_version",
              "component 'hostile.logger.another_iface_version': iface_version is '2' in the "
              "plugin's table, '1' in its note"},
             {"ghost_in_note", "component 'hostile.logger.ghost' is in the note but missing in the plugin's table"},
             {"ghost_in_table", "component 'hostile.logger.ghost' is in the plugin's table but missing in the note"},
         }) {
        expect(breach);
    }
}

TEST_F(HostileLoad, ARefusedPluginIsRefusedAgainWithTheSameWords) {
    const Refusal first = refusal_of("wrong_magic");
    try {
        load("wrong_magic");
        FAIL();
    } catch (const Refusal& second) {
        EXPECT_EQ(second.reason, first.reason);
    }
}

TEST_F(HostileLoad, AllUnresolvedNamesAreListedDemangled) {
    const Refusal refused = refusal_of("lost_names");
    EXPECT_EQ(refused.reason,
              "imports 5 names that no library offers: lost::Four::five(char), lost::one(), "
              "lost::three(std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> > const&), "
              "lost::two(int), plain_c_name. Link the library that has them; -Wl,-z,defs finds them at build time");
    EXPECT_EQ(refused.code, ExitCode::rejected);
}

TEST_F(HostileLoad, AllMissingLibrariesAreListedWithTheFoldersSearched) {
    const Refusal refused = refusal_of("missing_library");
    EXPECT_THAT(refused.reason,
                StartsWith("needed libraries are missing: libhostile_gone.so.3, libhostile_lost.so; searched: /"));
    EXPECT_EQ(refused.code, ExitCode::rejected);
}

TEST_F(HostileLoad, PythonStaysOut) {
    EXPECT_EQ(refusal_of("needs_python").reason,
              "needs libpython3.99.so.1.0: plugins run without Python; link torch_cpu and c10, not torch_python");
}

TEST_F(HostileLoad, ASecondLibTorchStaysOut) {
    const Refusal refused = refusal_of("needs_another_torch");
    EXPECT_THAT(refused.reason,
                StartsWith("needs libtorch_of_another_kind.so, which this host has not loaded: it would "
                           "bring a second LibTorch into the process"));
    EXPECT_EQ(refused.code, ExitCode::rejected);
}

TEST_F(HostileLoad, ALibraryBesideThePluginIsFoundThroughOrigin) {
    EXPECT_THAT(
        refusal_of("library_beside").reason,
        StartsWith("needed libraries are missing: libhostile_beside.so; searched: " + folder.path().string() + ","));
    fs::copy_file(fs::path(RAW_PLUGINS) / "libstub_beside.so", folder / "libhostile_beside.so");
    scan();
    EXPECT_EQ(entry("libhostile_beside.so").state, ScanEntry::State::no_note);
    EXPECT_STREQ(load("library_beside").id, "hostile.logger.library_beside");
}

TEST_F(HostileLoad, AFileThatChangedSinceItWasListedIsNotLoaded) {
    put("newer");
    scan();
    fs::copy_file(raw_plugin("newer"), folder / "written_anew");
    fs::rename(folder / "written_anew", folder / "newer.so");
    try {
        load("newer");
        FAIL();
    } catch (const Refusal& refused) {
        EXPECT_EQ(refused.reason, "changed on disk since it was checked; start again");
        EXPECT_EQ(refused.code, ExitCode::rejected);
    }
    expect_good_one_works();
}

TEST_F(HostileLoad, AFileThatVanishedIsNotFound) {
    put("newer");
    scan();
    fs::remove(folder / "newer.so");
    try {
        load("newer");
        FAIL();
    } catch (const Refusal& refused) {
        EXPECT_EQ(refused.reason, "does not exist");
        EXPECT_EQ(refused.code, ExitCode::not_found);
    }
}

TEST_F(HostileLoad, OneNamespaceOfOperatorsIsForOneFile) {
    put("operators_a");
    put("operators_b");
    scan();
    load("operators_a");
    try {
        load("operators_b");
        FAIL();
    } catch (const Refusal& refused) {
        EXPECT_EQ(refused.file, (folder / "operators_b.so").string());
        EXPECT_EQ(refused.reason, "operator namespace 'hostile_ops' is also that of " +
                                      (folder / "operators_a.so").string() +
                                      ", which is loaded; LibTorch would end the process");
        EXPECT_EQ(refused.code, ExitCode::rejected);
    }
    expect_good_one_works();
}

TEST_F(HostileLoad, AFailingInitIsNotARejection) {
    const Refusal told = refusal_of("init_fails");
    EXPECT_EQ(told.reason, "plugin 'hostile.init_fails' failed in init: the licence server is asleep");
    EXPECT_EQ(told.code, ExitCode::initialise);
    const Refusal silent = refusal_of("init_fails_silently");
    EXPECT_EQ(silent.reason,
              "plugin 'hostile.init_fails_silently' failed in init: component reported code 1 without a message");
    EXPECT_EQ(silent.code, ExitCode::initialise);
}

TEST_F(HostileLoad, AnOlderPluginWithShorterStructsWorks) {
    put("older");
    scan();
    const dv_component& component = load("older");
    EXPECT_EQ(component.query, nullptr);
    const auto* table = static_cast<const dv_logger_1*>(component.vtable);
    EXPECT_NE(table->flush, nullptr);
    EXPECT_EQ(table->finalize, nullptr);
    EXPECT_FALSE(DV_HAS(table, finalize));
    plugins->shut_down();  // its fini is behind the end of its struct: not called
    expect_good_one_works();
}

TEST_F(HostileLoad, ANewerPluginWithLongerStructsWorks) {
    put("newer");
    scan();
    const dv_component& component = load("newer");
    EXPECT_EQ(component.size, sizeof(dv_component));
    EXPECT_NE(static_cast<const dv_logger_1*>(component.vtable)->finalize, nullptr);
    expect_good_one_works();
}

TEST_F(HostileLoad, FiniIsCalledOnceInReverseOrder) {
    put("fini_a");
    put("fini_b");
    scan();
    setenv("HOSTILE_FINI", "", 1);
    load("fini_a");
    load("fini_b");
    load("fini_a");
    EXPECT_STREQ(std::getenv("HOSTILE_FINI"), "");
    plugins->shut_down();
    EXPECT_STREQ(std::getenv("HOSTILE_FINI"), "ba");
    plugins->shut_down();
    EXPECT_STREQ(std::getenv("HOSTILE_FINI"), "ba");
}

TEST_F(HostileLoad, AThousandLivesLeaveNothing) {
    scan();
    const auto open_files = [] {
        std::size_t n = 0;
        for (const auto& each : fs::directory_iterator("/proc/self/fd")) n += each.exists() ? 1 : 0;
        return n;
    };
    expect_good_one_works();
    const std::size_t before = open_files();
    for (int i = 0; i < 1000; ++i) expect_good_one_works();
    EXPECT_EQ(open_files(), before);
}

}  // namespace
}  // namespace dvhost::hostile

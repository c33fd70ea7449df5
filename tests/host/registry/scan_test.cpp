#include "registry/scan.hpp"
#include "registry/registry.hpp"

#include "registry/fingerprint.hpp"

#include "elf_builder.hpp"
#include "temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>
#include <cstdlib>

namespace dvhost::registry {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::good_plugin;
using ::testing::HasSubstr;
using testing::TemporaryFolder;
using State = ScanEntry::State;

/// Root may read everything, so what permissions do is tried as somebody else.
class AsOrdinaryUser {
public:
    AsOrdinaryUser() {
        if (was_root_ && seteuid(kNobody) != 0) std::abort();
    }
    ~AsOrdinaryUser() {
        if (was_root_ && seteuid(0) != 0) std::abort();
    }

private:
    static constexpr uid_t kNobody = 65534;
    const bool was_root_ = geteuid() == 0;
};

class ScanTest : public ::testing::Test {
protected:
    TemporaryFolder folder;

    void plugin(const std::string& file, const std::string& id) {
        folder.write(file, good_plugin("lab." + id, "lab.logger." + id).build());
    }
    Registry scan() { return Registry::scan({{folder.path(), "--plugin-path"}}); }
    static std::vector<std::string> ids(const Registry& registry) {
        std::vector<std::string> out;
        for (const PluginInfo* plugin : registry.plugins()) out.push_back(plugin->id);
        return out;
    }
    const ScanEntry& entry(const Registry& registry, const std::string& name) {
        for (const ScanEntry& e : registry.entries()) {
            if (e.path == folder / name) return e;
        }
        throw std::logic_error("no entry " + name);
    }
};

TEST_F(ScanTest, LooksIntoTheVersionedFoldersAndOneLevelBelowEach) {
    const std::string torch = "torch-" + torch_series();
    plugin("a.so", "a");
    plugin("sub/b.so", "b");
    plugin("abi1/c.so", "c");
    plugin("abi1/sub/d.so", "d");
    plugin("abi1/" + torch + "/e.so", "e");
    plugin("abi1/" + torch + "/sub/f.so", "f");
    plugin("sub/too/deep/g.so", "g");
    plugin("abi1/torch-1.0/h.so", "h");
    plugin("abi2/i.so", "i");
    plugin("not_a_library.txt", "j");
    plugin(".hidden/k.so", "k");
    const Registry registry = scan();
    EXPECT_THAT(ids(registry), ElementsAre("lab.a", "lab.b", "lab.c", "lab.d", "lab.e", "lab.f"));
    EXPECT_EQ(entry(registry, "abi1/torch-1.0").state, State::skipped_directory);
    EXPECT_EQ(entry(registry, "abi1/torch-1.0").reason, "for LibTorch 1.0, this host runs " + torch_series());
    EXPECT_EQ(entry(registry, "abi2").reason, "for plugin ABI 2, this host has 1");
}

TEST_F(ScanTest, SaysWhatBecameOfEveryFile) {
    plugin("good.so", "good");
    folder.write("text.so", "hello, world");
    testing::ElfBuilder foreign;
    folder.write("libforeign.so", foreign.build());
    fs::create_symlink("nowhere", folder / "dangling.so");
    fs::create_symlink("loop.so", folder / "loop.so");
    fs::create_directory(folder / "folder.so");
    mkfifo((folder / "pipe.so").c_str(), 0644);

    const Registry registry = scan();
    EXPECT_EQ(entry(registry, "good.so").state, State::usable);
    EXPECT_EQ(entry(registry, "libforeign.so").state, State::no_note);
    EXPECT_THAT(entry(registry, "text.so").reason, HasSubstr("not an ELF file (starts with \"hell\""));
    EXPECT_EQ(entry(registry, "text.so").code, ExitCode::rejected);
    EXPECT_EQ(entry(registry, "dangling.so").reason, "dangling symbolic link to nowhere");
    EXPECT_EQ(entry(registry, "loop.so").reason, "symbolic link loop");
    EXPECT_EQ(entry(registry, "folder.so").reason, "not a regular file (directory)");
    EXPECT_EQ(entry(registry, "pipe.so").reason, "not a regular file (fifo)");
    for (const char* name : {"dangling.so", "loop.so", "folder.so", "pipe.so"}) {
        EXPECT_EQ(entry(registry, name).state, State::refused);
        EXPECT_EQ(entry(registry, name).code, ExitCode::not_found);
    }
    EXPECT_THAT(ids(registry), ElementsAre("lab.good"));
}

TEST_F(ScanTest, AFileWithoutPermissionNamesModeAndOwner) {
    plugin("secret.so", "secret");
    fs::permissions(folder / "secret.so", fs::perms::none);
    const AsOrdinaryUser ordinary;
    const Registry registry = scan();
    EXPECT_THAT(entry(registry, "secret.so").reason, HasSubstr("permission denied (mode 000, owner "));
    EXPECT_EQ(entry(registry, "secret.so").code, ExitCode::not_found);
}

TEST_F(ScanTest, AMissingDirectoryIsNoted) {
    const Registry registry = Registry::scan({{folder / "absent", "DVHOST_PLUGIN_PATH"}});
    ASSERT_EQ(registry.entries().size(), 1u);
    EXPECT_EQ(registry.entries()[0].state, State::missing_directory);
}

TEST_F(ScanTest, ANamedFileHasToBeAPlugin) {
    plugin("x.bin", "x");
    testing::ElfBuilder foreign;
    folder.write("foreign.so", foreign.build());
    const Registry registry =
        Registry::scan({{folder / "x.bin", "--plugin-path"}, {folder / "foreign.so", "--plugin-path"}});
    EXPECT_THAT(ids(registry), ElementsAre("lab.x"));
    EXPECT_EQ(entry(registry, "foreign.so").reason, "no dvhost note; not a plugin");
    EXPECT_EQ(entry(registry, "foreign.so").code, ExitCode::rejected);
}

TEST_F(ScanTest, OneFileUnderTwoNamesIsOne) {
    plugin("real.so", "a");
    fs::create_symlink("real.so", folder / "alias.so");
    fs::create_directory_symlink(folder.path(), folder / "again");
    const Registry registry = scan();
    EXPECT_EQ(registry.plugins().size(), 1u);
    EXPECT_EQ(entry(registry, "real.so").state, State::duplicate);  // "alias" comes first
    EXPECT_EQ(entry(registry, "real.so").reason, "same file as " + (folder / "alias.so").string());
}

TEST_F(ScanTest, EqualContentIsOnePlugin) {
    plugin("a.so", "a");
    plugin("copy/a.so", "a");
    const Registry registry = scan();
    EXPECT_EQ(registry.plugins().size(), 1u);
    EXPECT_EQ(entry(registry, "copy/a.so").state, State::duplicate);
    EXPECT_EQ(entry(registry, "copy/a.so").reason, "same content as " + (folder / "a.so").string());
}

TEST_F(ScanTest, OneIdInTwoDifferentFilesIsNobodys) {
    plugin("one.so", "a");
    folder.write("two.so", good_plugin("lab.other", "lab.logger.a").build());
    plugin("bystander.so", "b");
    const Registry registry = scan();
    EXPECT_THAT(ids(registry), ElementsAre("lab.b"));
    for (const char* name : {"one.so", "two.so"}) {
        const ScanEntry& refused = entry(registry, name);
        EXPECT_EQ(refused.state, State::refused);
        EXPECT_EQ(refused.code, ExitCode::manifest);
        EXPECT_THAT(refused.reason, HasSubstr("component 'lab.logger.a' is in two files of different content"));
        EXPECT_THAT(refused.reason, HasSubstr((folder / "one.so").string() + " (plugin lab.a 1.2.3, sha256 "));
        EXPECT_THAT(refused.reason, HasSubstr((folder / "two.so").string() + " (plugin lab.other 1.2.3, sha256 "));
    }
    const Lookup lookup = registry.find("dv.logger", "a");
    EXPECT_EQ(lookup.component, nullptr);
    EXPECT_EQ(lookup.refused.size(), 2u);
    EXPECT_EQ(lookup.refused_code, ExitCode::manifest);
}

TEST_F(ScanTest, TooManyCandidatesAreRefusedAsAWhole) {
    for (std::size_t i = 0; i <= kMaxCandidates; ++i) folder.write("many/" + std::to_string(i) + ".so", "");
    plugin("a.so", "a");
    const Registry registry = scan();
    EXPECT_THAT(ids(registry), ElementsAre("lab.a"));
    EXPECT_EQ(entry(registry, "many").state, State::skipped_directory);
    EXPECT_EQ(entry(registry, "many").reason, "4097 files end in .so, allowed are 4096");
    EXPECT_EQ(entry(registry, "many").code, ExitCode::not_found);
    EXPECT_EQ(registry.entries().size(), 2u);
}

TEST_F(ScanTest, WhatAnyoneMayChangeIsAWarning) {
    plugin("file.so", "file");
    plugin("open/inside.so", "inside");
    fs::permissions(folder / "file.so", fs::perms(0666));
    fs::permissions(folder / "open", fs::perms(0777));
    const AsOrdinaryUser ordinary;
    const Registry registry = scan();
    EXPECT_THAT(ids(registry), ElementsAre("lab.file", "lab.inside"));
    EXPECT_THAT(entry(registry, "file.so").reason, HasSubstr("world-writable (mode 666)"));
    EXPECT_THAT(entry(registry, "open/inside.so").reason, HasSubstr("its directory is world-writable (mode 777)"));
}

TEST_F(ScanTest, WhatAnyoneMayChangeIsRefusedUnderRoot) {
    if (geteuid() != 0) GTEST_SKIP() << "only root can see this";
    plugin("file.so", "file");
    plugin("open/inside.so", "inside");
    plugin("good.so", "good");
    fs::permissions(folder / "file.so", fs::perms(0666));
    fs::permissions(folder / "open", fs::perms(0777));
    const Registry registry = scan();
    EXPECT_THAT(ids(registry), ElementsAre("lab.good"));
    EXPECT_THAT(entry(registry, "file.so").reason, HasSubstr("world-writable (mode 666)"));
    EXPECT_EQ(entry(registry, "file.so").code, ExitCode::rejected);
    EXPECT_EQ(entry(registry, "open").state, State::skipped_directory);
    EXPECT_EQ(entry(registry, "open").code, ExitCode::rejected);
}

TEST_F(ScanTest, NamesWithSpacesAndUmlautsAreNamesLikeOthers) {
    plugin("mit Leerzeichen und Ümlaut.so", "a");
    EXPECT_THAT(ids(scan()), ElementsAre("lab.a"));
}

TEST_F(ScanTest, FindsByShortAndByFullName) {
    plugin("a.so", "csv");
    folder.write("b.so", good_plugin("other.b", "other.logger.csv").build());
    folder.write("c.so", good_plugin("other.c", "other.logger.console").build());
    const Registry registry = scan();
    EXPECT_EQ(registry.find("dv.logger", "console").component->id, "other.logger.console");
    EXPECT_EQ(registry.find("dv.logger", "other.logger.csv").component->id, "other.logger.csv");
    const Lookup ambiguous = registry.find("dv.logger", "csv");
    EXPECT_EQ(ambiguous.component, nullptr);
    EXPECT_THAT(ambiguous.candidates, ElementsAre("lab.logger.csv", "other.logger.csv"));
    const Lookup unknown = registry.find("dv.logger", "cvs");
    EXPECT_EQ(unknown.component, nullptr);
    EXPECT_THAT(unknown.candidates, ElementsAre("console", "csv"));
    EXPECT_EQ(registry.find("dv.callback", "console").component, nullptr);
    EXPECT_EQ(registry.plugin_of(*registry.find("dv.logger", "console").component).id, "other.c");
}

TEST_F(ScanTest, ARefusedFileIsNamedWhereItIsMissed) {
    testing::ElfBuilder old = good_plugin("lab.old", "lab.logger.old");
    std::string& note = old.notes[0].payload;
    note.replace(note.find("\"1.0\""), 5, "\"2.3\"");
    folder.write("old.so", old.build());
    const Registry registry = scan();
    const Lookup lookup = registry.find("dv.logger", "old");
    EXPECT_THAT(lookup.refused,
                ElementsAre((folder / "old.so").string() + ": plugin 'lab.old' 1.2.3 is built for plugin ABI 2.3, this "
                                                           "host has 1." + std::to_string(DV_ABI_MINOR) + "; rebuild it with this host's SDK"));
    EXPECT_EQ(lookup.refused_code, ExitCode::rejected);
    EXPECT_EQ(entry(registry, "old.so").info->id, "lab.old");
}

TEST_F(ScanTest, ANewerMinorVersionIsWelcome) {
    testing::ElfBuilder newer = good_plugin("lab.newer", "lab.logger.newer");
    std::string& note = newer.notes[0].payload;
    note.replace(note.find("\"1.0\""), 5, "\"1.9\"");
    folder.write("newer.so", newer.build());
    EXPECT_THAT(ids(scan()), ElementsAre("lab.newer"));
}

TEST_F(ScanTest, SearchPathKeepsItsOrder) {
    setenv("DVHOST_PLUGIN_PATH", "/env/one::/env/two", 1);
    setenv("XDG_DATA_HOME", "/data", 1);
    std::vector<std::string> lines;
    for (const SearchDirectory& d : search_path({"/from/manifest"}, {"/from/command"})) {
        lines.push_back(d.path.string() + " (" + d.reason + ")");
    }
    unsetenv("DVHOST_PLUGIN_PATH");
    unsetenv("XDG_DATA_HOME");
    const fs::path program = fs::read_symlink("/proc/self/exe").parent_path().parent_path();
    EXPECT_THAT(lines, ElementsAre("/from/manifest (manifest [plugins] paths)", "/from/command (--plugin-path)",
                                   "/env/one (DVHOST_PLUGIN_PATH)", "/env/two (DVHOST_PLUGIN_PATH)",
                                   "/data/dvhost/plugins (XDG_DATA_HOME)",
                                   program.string() + "/lib/dvhost/plugins (beside the program)"));
}

TEST_F(ScanTest, WithoutXdgDataHomeItIsBelowHome) {
    unsetenv("XDG_DATA_HOME");
    setenv("HOME", "/home/ada", 1);
    const auto path = search_path({}, {});
    ASSERT_FALSE(path.empty());
    EXPECT_EQ(path[0].path, "/home/ada/.local/share/dvhost/plugins");
}

}  // namespace
}  // namespace dvhost::registry

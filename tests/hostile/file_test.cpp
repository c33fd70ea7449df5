/// Files that are no plugins, or were ones: refused before the loader sees them.

#include "hostile.hpp"

#include "registry/elf.hpp"

#include "elf_builder.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <set>

namespace dvhost::hostile {
namespace {

namespace fs = std::filesystem;
using registry::inspect;
using testing::content_of;
using ::testing::HasSubstr;
using testing::overwrite;
using ::testing::StartsWith;

class HostileFile : public HostileTest {
protected:
    /// What inspect() and the scan say of a file with this content; the good plugin beside it still works.
    Refusal refusal(const std::string& content) { return refusal_at(folder.write("bad.so", content)); }

    Refusal refusal_at(const fs::path& file) {
        std::optional<Refusal> found;
        try {
            inspect(file);
        } catch (const Refusal& refusal) {
            found = refusal;
        }
        if (!found) throw std::logic_error(file.string() + " was accepted");
        scan();
        EXPECT_EQ(entry(file.filename().string()).state, ScanEntry::State::refused);
        EXPECT_EQ(entry(file.filename().string()).reason, found->reason);
        EXPECT_EQ(entry(file.filename().string()).code, found->code);
        expect_good_one_works();
        return *found;
    }
    const std::string good = content_of(raw_plugin("good"));
};

TEST_F(HostileFile, TextIsNotAPlugin) {
    const Refusal refused = refusal(std::string("hello, this is not a library. ") + std::string(100, '.'));
    EXPECT_EQ(refused.reason, "not an ELF file (starts with \"hell\")");
    EXPECT_EQ(refused.code, ExitCode::rejected);
    EXPECT_STREQ(refused.what(), ((folder / "bad.so").string() + ": " + refused.reason).c_str());
}

TEST_F(HostileFile, EmptyIsNotAPlugin) { EXPECT_EQ(refusal("").reason, "0 bytes, too small for an ELF header (64)"); }

TEST_F(HostileFile, EveryCutIsNoticedUntilTheLastLoadableByte) {
    std::uint64_t needed = 0;
    const registry::ElfImage image(testing::bytes_of(good));
    for (const registry::ElfSegment& s : image.segments()) {
        if (s.type == PT_LOAD) needed = std::max(needed, s.offset + s.file_size);
    }
    const auto cut_to = [&](std::uint64_t n) { return folder.write("cut.so", std::string_view(good).substr(0, n)); };
    for (std::uint64_t n = 0; n < needed; n += 61) EXPECT_THROW(inspect(cut_to(n)), Refusal) << n;
    EXPECT_THROW(inspect(cut_to(needed - 1)), Refusal);
    EXPECT_NO_THROW(inspect(cut_to(needed)));  // section headers and debug information are no loss
    fs::remove(folder / "cut.so");

    const Refusal refused = refusal(good.substr(0, needed - 1));
    EXPECT_THAT(refused.reason, StartsWith("truncated: segment "));
    EXPECT_THAT(refused.reason,
                HasSubstr(" needs " + std::to_string(needed) + " bytes, file has " + std::to_string(needed - 1)));
    EXPECT_EQ(refused.code, ExitCode::rejected);
}

TEST_F(HostileFile, OtherMachinesAreNamed) {
    std::string arm = good, narrow = good;
    overwrite(arm, offsetof(Elf64_Ehdr, e_machine), std::uint16_t{EM_AARCH64});
    EXPECT_EQ(refusal(arm).reason, "built for aarch64, host is x86-64");
    narrow[EI_CLASS] = ELFCLASS32;
    overwrite(narrow, offsetof(Elf64_Ehdr, e_machine), std::uint16_t{EM_386});
    EXPECT_EQ(refusal(narrow).reason, "built for 32-bit i386, host is x86-64");
}

TEST_F(HostileFile, ProgramsAreNotPlugins) {
    const Refusal refused = refusal(content_of("/proc/self/exe"));
    EXPECT_EQ(refused.reason, "not a shared object (position-independent executable)");
    EXPECT_EQ(refused.code, ExitCode::rejected);
}

TEST_F(HostileFile, ALibraryWithoutNoteIsSkippedUnlessNamed) {
    folder.write("beside.so", content_of(fs::path(RAW_PLUGINS) / "../stubs/libstub_gone.so"));
    scan();
    EXPECT_EQ(entry("beside.so").state, ScanEntry::State::no_note);
    expect_good_one_works();
    try {
        inspect(folder / "beside.so");
        FAIL();
    } catch (const Refusal& refused) {
        EXPECT_EQ(refused.reason, "no dvhost note; not a plugin");
        EXPECT_EQ(refused.code, ExitCode::rejected);
    }
}

TEST_F(HostileFile, WhatIsNoFileNeverBlocks) {
    fs::create_directory(folder / "folder.so");
    mkfifo((folder / "pipe.so").c_str(), 0644);
    fs::create_symlink("/nowhere/at/all", folder / "dangling.so");
    fs::create_symlink("loop_b.so", folder / "loop_a.so");
    fs::create_symlink("loop_a.so", folder / "loop_b.so");
    fs::create_symlink("/dev/null", folder / "device.so");
    const std::pair<const char*, const char*> expected[] = {
        {"folder.so", "not a regular file (directory)"},
        {"pipe.so", "not a regular file (fifo)"},
        {"dangling.so", "dangling symbolic link to /nowhere/at/all"},
        {"loop_a.so", "symbolic link loop"},
        {"device.so", "not a regular file (device)"}};
    for (const auto& [file, reason] : expected) {
        const Refusal refused = refusal_at(folder / file);
        EXPECT_EQ(refused.reason, reason);
        EXPECT_EQ(refused.code, ExitCode::not_found);
    }
    EXPECT_THROW(inspect(folder / "absent.so"), Refusal);
}

TEST_F(HostileFile, ASocketIsNoPlugin) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = (folder / "socket.so").string();
    ASSERT_LT(path.size(), sizeof address.sun_path);
    std::memcpy(address.sun_path, path.c_str(), path.size());
    const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(refusal_at(path).reason, "not a regular file (socket)");
    close(descriptor);
}

TEST_F(HostileFile, DamagedSectionHeadersDoNotMatter) {
    std::string damaged = content_of(raw_plugin("newer_minor"));
    overwrite(damaged, offsetof(Elf64_Ehdr, e_shoff), std::uint64_t{0xFFFFFFFFFFFF});
    overwrite(damaged, offsetof(Elf64_Ehdr, e_shnum), std::uint16_t{60000});
    overwrite(damaged, offsetof(Elf64_Ehdr, e_shstrndx), std::uint16_t{59999});
    folder.write("damaged.so", damaged);
    scan();
    EXPECT_STREQ(load("newer_minor").id, "hostile.logger.newer_minor");
    expect_good_one_works();
}

TEST_F(HostileFile, NotesAreReadWithSuspicion) {
    const auto changed = [&](std::string_view from, std::string_view to) {
        std::string content = good;
        const std::size_t at = content.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        EXPECT_EQ(from.size(), to.size()) << "nothing else may move";
        content.replace(at, from.size(), to);
        return content;
    };
    EXPECT_THAT(refusal(changed("format = 1", "format = 7")).reason, HasSubstr("'format' is 7, this host reads 1"));
    EXPECT_THAT(refusal(changed("format = 1", "format =\x01 ")).reason, StartsWith("note "));
    EXPECT_THAT(refusal(changed("\"MIT\"", "\"\xff\xfe\xfd\"")).reason, HasSubstr("not UTF-8 at byte "));
    EXPECT_THAT(refusal(changed("doc = \"counts rows\"", "doc = [[[[[[[[[[[[[")).reason, StartsWith("note "));
    EXPECT_THAT(refusal(changed("iface_version = 1", "iface_version = ]")).reason,
                ::testing::ContainsRegex("note [0-9]+, line 2, column 1[0-9]: "));
    EXPECT_THAT(refusal(changed("id = \"hostile.good\"", "id = \"../../../xyz\"")).reason,
                HasSubstr("is not a plugin id"));
    // The note's own header: owner size 7, then the payload's size, then the type.
    std::string sizes = good;
    const std::size_t owner = sizes.find("dvhost\0", 0, 7);
    overwrite(sizes, owner - 8, std::uint32_t{0x7FFFFFFF});
    EXPECT_THAT(
        refusal(sizes).reason,
        ::testing::ContainsRegex("note [0-9]+: a payload of 2147483647 bytes, but its segment has [0-9]+ left"));
    overwrite(sizes, owner - 12, std::uint32_t{0xFFFFFFFF});
    EXPECT_THAT(refusal(sizes).reason, ::testing::ContainsRegex("note [0-9]+: an owner of 4294967295 bytes"));
}

TEST_F(HostileFile, AnotherAbiIsNamedBeforeAnythingIsLoaded) {
    const fs::path file = put("wrong_abi_in_note");
    const Refusal refused = refusal_at(file);
    EXPECT_EQ(refused.reason,
              "plugin 'hostile.wrong_abi_in_note' 1.0.0 is built for plugin ABI 2.0, this host has 1." + std::to_string(DV_ABI_MINOR) +
                  "; rebuild it with this host's SDK");
    EXPECT_EQ(refused.code, ExitCode::rejected);
}

TEST_F(HostileFile, AnotherLibTorchIsRefusedWithEveryDifference) {
    const Refusal refused = refusal_at(put("other_torch"));
    EXPECT_EQ(refused.code, ExitCode::rejected);
    EXPECT_THAT(refused.reason, StartsWith("plugin 'hostile.other_torch' 1.0.0 can't be used: "));
    for (const char* part :
         {"built for interface epoch 7, this host has ", "built for LibTorch 1.13.1, this host runs 2.11.0; ",
          "built for TORCH_ABI_VERSION 0x0000000000000005, host 0x020b000000000000; ",
          "built with _GLIBCXX_USE_CXX11_ABI=0, host 1; ", "built with _GLIBCXX_DEBUG=1, host 0; ",
          "built with __GXX_ABI_VERSION=2, host ", "built with sanitizer both, host ",
          "built with exceptions off, host on; ", "built with run-time type information off, host on; ",
          "at::Tensor has 99 bytes, in the host 8; ", "at::Tensor is aligned to 99 bytes, in the host to 8; ",
          "c10::TensorOptions has 99 bytes, in the host 8; ", "c10::Device has 99 bytes, in the host 2; ",
          "torch::nn::Module has 99 bytes, in the host ", ". Rebuild it with: cmake -Ddvsdk_DIR=\u2026"}) {
        EXPECT_THAT(refused.reason, HasSubstr(part));
    }
    EXPECT_THAT(refused.reason, ::testing::Not(HasSubstr("icc")));  // of a compiler one is warned
    EXPECT_EQ(entry("other_torch.so").info->id, "hostile.other_torch");
}

TEST_F(HostileFile, ClassTorchHasToSayHowItWasBuilt) {
    EXPECT_EQ(refusal_at(put("no_fingerprint")).reason,
              "class torch without a fingerprint note, expected one per translation unit");
}

TEST_F(HostileFile, ATranslationUnitWithThisHostsHeadersIsWelcome) {
    put("this_torch");
    scan();
    EXPECT_EQ(entry("this_torch.so").state, ScanEntry::State::usable) << entry("this_torch.so").reason;
    EXPECT_EQ(load("this_torch").iface_version, 1u);
}

TEST_F(HostileFile, TheSameIdInAnotherFileIsAnErrorThatNamesBoth) {
    put("other");
    put("newer_minor");
    scan();
    for (const char* file : {"good.so", "other.so"}) {
        EXPECT_EQ(entry(file).code, ExitCode::manifest);
        EXPECT_THAT(entry(file).reason,
                    HasSubstr((folder / "good.so").string() + " (plugin hostile.good 1.0.0, sha256 "));
        EXPECT_THAT(entry(file).reason,
                    HasSubstr((folder / "other.so").string() + " (plugin hostile.other 1.0.0, sha256 "));
    }
    EXPECT_EQ(plugins->find("dv.logger", "good").component, nullptr);
    EXPECT_STREQ(load("newer_minor").id, "hostile.logger.newer_minor");
}

TEST_F(HostileFile, TheSameContentUnderAnotherNameIsOnePlugin) {
    fs::copy_file(raw_plugin("good"), folder / "copy.so");
    scan();
    EXPECT_EQ(plugins->plugins().size(), 1u);
    EXPECT_EQ(entry("good.so").reason, "same content as " + (folder / "copy.so").string());
    expect_good_one_works();
}

}  // namespace
}  // namespace dvhost::hostile

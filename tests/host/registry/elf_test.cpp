#include "registry/elf.hpp"

#include "elf_builder.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace dvhost::registry {
namespace {

using testing::bytes_of;
using testing::ElfBuilder;
using testing::good_plugin;
using testing::overwrite;

std::string reason(const std::string& file) {
    try {
        ElfImage image(bytes_of(file));
        image.dynamic();
        image.for_each_note([](const ElfNote&) {});
        image.imports();
        return "";
    } catch (const ElfError& error) {
        return error.what();
    }
}

std::string reason_with(const std::function<void(std::string&)>& change) {
    std::string file = good_plugin().build();
    change(file);
    return reason(file);
}

Elf64_Phdr segment_of(const std::string& file, std::size_t i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, file.data() + sizeof(Elf64_Ehdr) + i * sizeof segment, sizeof segment);
    return segment;
}
std::size_t field_of_segment(std::size_t i, std::size_t field) {
    return sizeof(Elf64_Ehdr) + i * sizeof(Elf64_Phdr) + field;
}

TEST(Elf, ReadsWhatALinkerWrote) {
    ElfBuilder builder = good_plugin();
    builder.needed = {"libc10.so", "libm.so.6"};
    builder.runpath = "$ORIGIN:/opt/lab";
    builder.symbols = {
        {"dv_plugin_entry"}, {"_Z3foov", false}, {"maybe", false, STB_WEAK}, {"odd", true, STB_GNU_UNIQUE}};
    builder.text_relocations = true;
    builder.stack_flags = PF_R | PF_W | PF_X;
    const std::string file = builder.build();
    const ElfImage image(bytes_of(file));

    const ElfDynamic dynamic = image.dynamic();
    EXPECT_EQ(dynamic.needed, (std::vector<std::string_view>{"libc10.so", "libm.so.6"}));
    EXPECT_EQ(dynamic.runpath, "$ORIGIN:/opt/lab");
    EXPECT_EQ(dynamic.rpath, "");
    EXPECT_TRUE(dynamic.bind_now);
    EXPECT_TRUE(dynamic.text_relocations);
    EXPECT_FALSE(dynamic.executable);
    EXPECT_TRUE(image.executable_stack());

    const auto exports = image.exports(), imports = image.imports();
    ASSERT_EQ(exports.size(), 2u);
    EXPECT_EQ(exports[0].name, "dv_plugin_entry");
    EXPECT_TRUE(exports[1].unique);
    ASSERT_EQ(imports.size(), 2u);
    EXPECT_EQ(imports[0].name, "_Z3foov");
    EXPECT_FALSE(imports[0].weak);
    EXPECT_TRUE(imports[1].weak);
}

TEST(Elf, FindsNotesOfBothPaddings) {
    for (const std::uint64_t alignment : {4u, 8u}) {
        ElfBuilder builder = good_plugin();
        builder.note_alignment = alignment;
        builder.notes = {{1, "five!", "someone"}, {2, "", "no payload"}, {3, "abc", "dvhost"}};
        const std::string file = builder.build();
        std::vector<std::string> seen;
        ElfImage(bytes_of(file)).for_each_note([&](const ElfNote& note) {
            seen.push_back(std::to_string(note.index) + " " + std::string(note.owner) + " " +
                           std::to_string(note.type) + " " + std::to_string(note.payload.size()));
        });
        EXPECT_EQ(seen, (std::vector<std::string>{"0 someone 1 5", "1 no payload 2 0", "2 dvhost 3 3"}));
    }
}

TEST(Elf, ReadsTheBuildId) {
    ElfBuilder builder = good_plugin();
    EXPECT_EQ(ElfImage(bytes_of(builder.build())).build_id(), "");
    builder.notes.push_back({NT_GNU_BUILD_ID, "\x01\xab\xff", "GNU"});
    const std::string file = builder.build();
    EXPECT_EQ(ElfImage(bytes_of(file)).build_id(), "01abff");
}

TEST(Elf, NeverLooksAtSectionHeaders) {
    EXPECT_EQ(reason_with([](std::string& file) {
                  overwrite(file, offsetof(Elf64_Ehdr, e_shoff), ~std::uint64_t{0});
                  overwrite(file, offsetof(Elf64_Ehdr, e_shnum), std::uint16_t{0xFFFF});
                  overwrite(file, offsetof(Elf64_Ehdr, e_shstrndx), std::uint16_t{0xFFFE});
              }),
              "");
}

TEST(Elf, SaysWhatAFileReallyIs) {
    EXPECT_EQ(reason("hello, I am a text file and have more than sixty-four bytes in all, you see"),
              "not an ELF file (starts with \"hell\")");
    EXPECT_EQ(reason("hello"), "not an ELF file (starts with \"hell\"; 5 bytes, too small for an ELF header (64))");
    EXPECT_EQ(reason(std::string("\x7f\x45\x4c\x46\x02\x01", 6)), "6 bytes, too small for an ELF header (64)");
    EXPECT_EQ(reason(""), "0 bytes, too small for an ELF header (64)");
    EXPECT_EQ(reason(std::string(100, '\x01')), "not an ELF file (starts with \"\\x01\\x01\\x01\\x01\")");
}

TEST(Elf, SaysForWhichMachineAFileIs) {
    const auto machine = [](std::uint16_t value) {
        return [value](std::string& file) { overwrite(file, offsetof(Elf64_Ehdr, e_machine), value); };
    };
    EXPECT_EQ(reason_with(machine(EM_AARCH64)), "built for aarch64, host is x86-64");
    EXPECT_EQ(reason_with(machine(4242)), "built for machine 4242, host is x86-64");
    EXPECT_EQ(reason_with([](std::string& file) {
                  file[EI_CLASS] = ELFCLASS32;
                  overwrite(file, offsetof(Elf64_Ehdr, e_machine), std::uint16_t{EM_386});
              }),
              "built for 32-bit i386, host is x86-64");
    EXPECT_EQ(reason_with([](std::string& file) {
                  file[EI_DATA] = ELFDATA2MSB;
                  overwrite(file, offsetof(Elf64_Ehdr, e_machine), std::uint16_t{EM_S390 << 8});
              }),
              "built for big-endian s390, host is x86-64");
}

TEST(Elf, TakesSharedObjectsOnly) {
    const auto type = [](std::uint16_t value) {
        return [value](std::string& file) { overwrite(file, offsetof(Elf64_Ehdr, e_type), value); };
    };
    EXPECT_EQ(reason_with(type(ET_EXEC)), "not a shared object (executable)");
    EXPECT_EQ(reason_with(type(ET_REL)), "not a shared object (relocatable object)");
    EXPECT_EQ(reason_with(type(ET_CORE)), "not a shared object (core file)");
    EXPECT_EQ(reason_with([](std::string& file) {
                  overwrite(file, field_of_segment(0, offsetof(Elf64_Phdr, p_type)), std::uint32_t{PT_NULL});
              }),
              "not a shared object (no loadable segment)");
}

TEST(Elf, NamesTheSegmentThatIsCutOff) {
    const std::string file = good_plugin().build();
    const std::string size = std::to_string(file.size());
    EXPECT_EQ(reason(file.substr(0, 300)), "truncated: segment 0 needs " + size + " bytes, file has 300");
    EXPECT_EQ(reason(file.substr(0, 100)), "truncated: the program header table needs 288 bytes, file has 100");
    EXPECT_EQ(reason_with([](std::string& f) {
                  overwrite(f, field_of_segment(0, offsetof(Elf64_Phdr, p_filesz)), ~std::uint64_t{0});
                  overwrite(f, field_of_segment(0, offsetof(Elf64_Phdr, p_offset)), std::uint64_t{16});
              }),
              "truncated: segment 0 needs more than 2^64 bytes, file has " + size);
}

TEST(Elf, RefusesEveryCut) {
    const std::string file = good_plugin().build();
    for (std::size_t n = 0; n < file.size(); ++n) EXPECT_NE(reason(file.substr(0, n)), "") << n;
}

TEST(Elf, RefusesImplausibleCounts) {
    const auto count = [](std::uint16_t n) {
        return [n](std::string& file) { overwrite(file, offsetof(Elf64_Ehdr, e_phnum), n); };
    };
    EXPECT_EQ(reason_with(count(0)), "implausible ELF header: 0 program headers, expected 1 to 512");
    EXPECT_EQ(reason_with(count(65535)), "implausible ELF header: 65535 program headers, expected 1 to 512");
    EXPECT_EQ(
        reason_with([](std::string& file) { overwrite(file, offsetof(Elf64_Ehdr, e_phentsize), std::uint16_t{32}); }),
        "damaged ELF header: program headers of 32 bytes, expected 56");
}

TEST(Elf, NamesTheNoteThatDoesNotFit) {
    ElfBuilder builder = good_plugin();
    builder.notes = {{1, "four", "a"}, {2, "four", "b"}};
    std::string file = builder.build();
    const std::size_t second = segment_of(file, 1).p_offset + 20;
    std::string owner = file, payload = file;
    overwrite(owner, second, std::uint32_t{0xFFFFFFFF});
    EXPECT_EQ(reason(owner), "note 1: an owner of 4294967295 bytes, but its segment has 8 left");
    overwrite(payload, second + 4, std::uint32_t{0xFFFFFFF0});
    EXPECT_EQ(reason(payload), "note 1: a payload of 4294967280 bytes, but its segment has 4 left");
}

TEST(Elf, RefusesSymbolTablesThatReachOutsideTheFile) {
    const std::string file = good_plugin().build();
    const Elf64_Phdr dynamic = segment_of(file, 2);
    const auto with = [&](std::int64_t tag, std::uint64_t value) {
        std::string changed = file;
        for (std::size_t at = dynamic.p_offset; at < dynamic.p_offset + dynamic.p_filesz; at += sizeof(Elf64_Dyn)) {
            Elf64_Dyn entry;
            std::memcpy(&entry, changed.data() + at, sizeof entry);
            if (entry.d_tag == tag) overwrite(changed, at + 8, value);
        }
        return reason(changed);
    };
    EXPECT_EQ(with(DT_STRTAB, 1u << 30), "damaged dynamic section: no string table");
    EXPECT_EQ(with(DT_SYMTAB, 1u << 30), "damaged dynamic section: 2 symbols do not fit in the symbol table");
    EXPECT_EQ(with(DT_STRSZ, 0), "");  // no imports, so no name is looked up
}

}  // namespace
}  // namespace dvhost::registry

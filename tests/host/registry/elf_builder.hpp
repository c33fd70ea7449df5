#pragma once
/// Small shared objects made in memory, good ones and others.

#include <elf.h>

#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dvhost::testing {

struct NoteSpec {
    std::uint32_t type = 0x44560001u;
    std::string payload;
    std::string owner = "dvhost";
};

inline std::string note_bytes(const NoteSpec& note, std::size_t alignment = 4) {
    const auto padded = [&](std::string& s) { s.resize((s.size() + alignment - 1) / alignment * alignment); };
    const Elf64_Nhdr header{static_cast<std::uint32_t>(note.owner.size() + 1),
                            static_cast<std::uint32_t>(note.payload.size()), note.type};
    std::string out(reinterpret_cast<const char*>(&header), sizeof header);
    out += note.owner + '\0';
    padded(out);
    out += note.payload;
    padded(out);
    return out;
}

/// Addresses equal offsets in the file. Everything is laid out as a linker would, as far as ElfImage looks at it.
struct ElfBuilder {
    struct Symbol {
        std::string name;
        bool defined = true;
        unsigned char binding = STB_GLOBAL;
    };

    std::vector<NoteSpec> notes;
    std::uint64_t note_alignment = 4;
    std::vector<Symbol> symbols{{"dv_plugin_entry"}};
    std::vector<std::string> needed;
    std::string runpath;
    std::uint64_t flags_1 = DF_1_NOW;
    bool text_relocations = false;
    std::uint32_t stack_flags = PF_R | PF_W;

    std::string build() const {
        std::string strings(1, '\0');
        const auto place = [&](const std::string& text) {
            const std::size_t at = strings.size();
            strings += text + '\0';
            return at;
        };
        std::vector<Elf64_Dyn> dynamic;
        const auto entry = [&](Elf64_Sxword tag, std::uint64_t value) { dynamic.push_back({tag, {value}}); };
        for (const std::string& name : needed) entry(DT_NEEDED, place(name));
        if (!runpath.empty()) entry(DT_RUNPATH, place(runpath));
        if (text_relocations) entry(DT_TEXTREL, 0);
        entry(DT_FLAGS_1, flags_1);

        std::vector<Elf64_Sym> table(1);
        for (const Symbol& symbol : symbols) {
            Elf64_Sym s{};
            s.st_name = static_cast<Elf64_Word>(place(symbol.name));
            s.st_info = static_cast<unsigned char>(ELF64_ST_INFO(symbol.binding, STT_FUNC));
            s.st_shndx = symbol.defined ? 1 : SHN_UNDEF;
            table.push_back(s);
        }
        const std::uint32_t hash[] = {1, static_cast<std::uint32_t>(table.size()), 0};  // only the count matters

        const std::size_t n_segments = 4;
        std::string body(sizeof(Elf64_Ehdr) + n_segments * sizeof(Elf64_Phdr), '\0');
        const auto append = [&](const void* bytes, std::size_t size) {
            body.resize((body.size() + 7) / 8 * 8);
            const std::size_t at = body.size();
            body.append(static_cast<const char*>(bytes), size);
            return at;
        };
        std::string note_segment;
        for (const NoteSpec& note : notes) note_segment += note_bytes(note, note_alignment == 8 ? 8 : 4);
        const std::size_t notes_at = append(note_segment.data(), note_segment.size());
        const std::size_t strings_at = append(strings.data(), strings.size());
        entry(DT_STRTAB, strings_at);
        entry(DT_STRSZ, strings.size());
        entry(DT_SYMTAB, append(table.data(), table.size() * sizeof(Elf64_Sym)));
        entry(DT_HASH, append(hash, sizeof hash));
        entry(DT_NULL, 0);
        const std::size_t dynamic_size = dynamic.size() * sizeof(Elf64_Dyn);
        const std::size_t dynamic_at = append(dynamic.data(), dynamic_size);

        const auto segment = [](std::uint32_t type, std::uint32_t flags, std::size_t at, std::size_t size,
                                std::uint64_t alignment) {
            return Elf64_Phdr{type, flags, at, at, at, size, size, alignment};
        };
        const Elf64_Phdr segments[n_segments] = {
            segment(PT_LOAD, PF_R | PF_X, 0, body.size(), 4096),
            segment(PT_NOTE, PF_R, notes_at, note_segment.size(), note_alignment),
            segment(PT_DYNAMIC, PF_R, dynamic_at, dynamic_size, 8),
            segment(PT_GNU_STACK, stack_flags, 0, 0, 16),
        };
        std::memcpy(body.data() + sizeof(Elf64_Ehdr), segments, sizeof segments);
        Elf64_Ehdr header{};
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_ident[EI_VERSION] = EV_CURRENT;
        header.e_type = ET_DYN;
        header.e_machine = EM_X86_64;
        header.e_version = EV_CURRENT;
        header.e_phoff = sizeof(Elf64_Ehdr);
        header.e_ehsize = sizeof(Elf64_Ehdr);
        header.e_phentsize = sizeof(Elf64_Phdr);
        header.e_phnum = n_segments;
        std::memcpy(body.data(), &header, sizeof header);
        return body;
    }
};

inline std::span<const std::byte> bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// Overwrites a field of the header: overwrite(file, offsetof(Elf64_Ehdr, e_machine), std::uint16_t{EM_AARCH64}).
template <class T>
void overwrite(std::string& file, std::size_t offset, T value) {
    std::memcpy(file.data() + offset, &value, sizeof value);
}

inline std::string plugin_note(std::string_view id = "lab.test", std::string_view more = "") {
    return "format = 1\nid = \"" + std::string(id) + "\"\nversion = \"1.2.3\"\nclass = \"portable\"\nabi = \"1.0\"\n" +
           "license = \"MIT\"\n" + std::string(more);
}
inline std::string component_note(std::string_view id = "lab.logger.test", std::string_view more = "") {
    return "iface = \"dv.logger\"\niface_version = 1\nid = \"" + std::string(id) + "\"\ndoc = \"a test\"\n" +
           std::string(more);
}
/// A file that passes every static check but has no code to load.
inline ElfBuilder good_plugin(std::string_view id = "lab.test", std::string_view component = "lab.logger.test") {
    ElfBuilder builder;
    builder.notes = {{0x44560001u, plugin_note(id)}, {0x44560002u, component_note(component)}};
    return builder;
}

}  // namespace dvhost::testing

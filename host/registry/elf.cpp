#include "registry/elf.hpp"

#include "registry/printable.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>

namespace dvhost::registry {
namespace {

/// More program headers than any linker writes; the loader's own work grows with them.
constexpr std::size_t kMaxSegments = 512;

template <class T>
T read(std::span<const std::byte> bytes, std::size_t offset = 0) {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

std::string machine_name(std::uint16_t machine) {
    switch (machine) {
        case EM_X86_64: return "x86-64";
        case EM_386: return "i386";
        case EM_AARCH64: return "aarch64";
        case EM_ARM: return "arm";
        case EM_PPC64: return "ppc64";
        case EM_RISCV: return "riscv";
        case EM_S390: return "s390";
        case EM_MIPS: return "mips";
        default: return "machine " + std::to_string(machine);
    }
}

std::string type_name(std::uint16_t type) {
    switch (type) {
        case ET_REL: return "relocatable object";
        case ET_EXEC: return "executable";
        case ET_CORE: return "core file";
        default: return "ELF type " + std::to_string(type);
    }
}

/// The first four bytes, for a person to recognise what the file really is.
std::string first_bytes(std::span<const std::byte> file) {
    return printable({reinterpret_cast<const char*>(file.data()), std::min<std::size_t>(file.size(), 4)});
}

void check_magic(std::span<const std::byte> file) {
    const bool is_elf = file.size() >= SELFMAG && std::memcmp(file.data(), ELFMAG, SELFMAG) == 0;
    const std::string size = std::to_string(file.size()) + (file.size() == 1 ? " byte" : " bytes");
    const std::string too_small = size + ", too small for an ELF header (" + std::to_string(sizeof(Elf64_Ehdr)) + ")";
    if (!is_elf && file.size() >= SELFMAG) {
        const std::string starts = "not an ELF file (starts with \"" + first_bytes(file) + "\"";
        throw ElfError(starts + (file.size() < sizeof(Elf64_Ehdr) ? "; " + too_small + ")" : ")"));
    }
    if (file.size() < sizeof(Elf64_Ehdr)) throw ElfError(too_small);
}

void check_machine(std::span<const std::byte> file) {
    const auto ident = [&](std::size_t i) { return static_cast<unsigned>(file[i]); };
    const bool big_endian = ident(EI_DATA) == ELFDATA2MSB;
    const bool narrow = ident(EI_CLASS) == ELFCLASS32;
    if (ident(EI_CLASS) != ELFCLASS64 && !narrow) {
        throw ElfError("unknown ELF class " + std::to_string(ident(EI_CLASS)) + ", host is 64-bit");
    }
    if (ident(EI_DATA) != ELFDATA2LSB && !big_endian) {
        throw ElfError("unknown ELF byte order " + std::to_string(ident(EI_DATA)) + ", host is little-endian");
    }
    auto machine = read<std::uint16_t>(file, offsetof(Elf64_Ehdr, e_machine));  // at one place in both classes
    if (big_endian) machine = static_cast<std::uint16_t>(machine << 8 | machine >> 8);
    if (!big_endian && !narrow && machine == EM_X86_64) return;
    throw ElfError(std::string("built for ") + (narrow ? "32-bit " : "") + (big_endian ? "big-endian " : "") +
                   machine_name(machine) + ", host is x86-64");
}

std::size_t aligned(std::size_t n, std::size_t alignment) { return (n + alignment - 1) / alignment * alignment; }

}  // namespace

ElfImage::ElfImage(std::span<const std::byte> file) : file_(file) {
    check_magic(file);
    check_machine(file);
    const auto header = read<Elf64_Ehdr>(file);
    if (header.e_ident[EI_VERSION] != EV_CURRENT || header.e_version != EV_CURRENT) {
        throw ElfError("unknown ELF version " + std::to_string(header.e_version));
    }
    if (header.e_type != ET_DYN) throw ElfError("not a shared object (" + type_name(header.e_type) + ")");
    if (header.e_phentsize != sizeof(Elf64_Phdr)) {
        throw ElfError("damaged ELF header: program headers of " + std::to_string(header.e_phentsize) +
                       " bytes, expected " + std::to_string(sizeof(Elf64_Phdr)));
    }
    if (header.e_phnum == 0 || header.e_phnum > kMaxSegments) {
        throw ElfError("implausible ELF header: " + std::to_string(header.e_phnum) +
                       " program headers, expected 1 to " + std::to_string(kMaxSegments));
    }
    const auto table = at_offset(header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr), "the program header table");
    for (std::size_t i = 0; i < header.e_phnum; ++i) {
        const auto p = read<Elf64_Phdr>(table, i * sizeof(Elf64_Phdr));
        segments_.push_back({p.p_type, p.p_flags, p.p_offset, p.p_filesz, p.p_vaddr, p.p_memsz, p.p_align});
    }
    check_loadable();
}

void ElfImage::check_loadable() const {
    bool loads_something = false;
    for (std::size_t i = 0; i < segments_.size(); ++i) {
        const ElfSegment& s = segments_[i];
        if (s.type != PT_LOAD && s.type != PT_DYNAMIC && s.type != PT_NOTE) continue;
        at_offset(s.offset, s.file_size, "segment " + std::to_string(i));
        if (s.type != PT_LOAD) continue;
        loads_something = true;
        if (s.memory_size < s.file_size || s.address + s.memory_size < s.address) {
            throw ElfError("damaged program headers: segment " + std::to_string(i) + " takes " +
                           std::to_string(s.file_size) + " bytes of the file but " + std::to_string(s.memory_size) +
                           " of memory");
        }
    }
    if (!loads_something) throw ElfError("not a shared object (no loadable segment)");
}

std::span<const std::byte> ElfImage::at_offset(std::uint64_t offset, std::uint64_t size, std::string_view what) const {
    if (offset > file_.size() || size > file_.size() - offset) {
        const bool overflows = offset + size < offset;
        throw ElfError("truncated: " + std::string(what) + " needs " +
                       (overflows ? "more than 2^64" : std::to_string(offset + size)) + " bytes, file has " +
                       std::to_string(file_.size()));
    }
    return file_.subspan(offset, size);
}

std::span<const std::byte> ElfImage::from_address(std::uint64_t address) const {
    for (const ElfSegment& s : segments_) {
        if (s.type != PT_LOAD || address < s.address || address - s.address >= s.file_size) continue;
        return file_.subspan(s.offset + (address - s.address), s.file_size - (address - s.address));
    }
    return {};
}

void ElfImage::for_each_note(const std::function<void(const ElfNote&)>& visit) const {
    std::size_t index = 0;
    for (const ElfSegment& s : segments_) {
        if (s.type != PT_NOTE) continue;
        const std::size_t alignment = s.alignment == 8 ? 8 : 4;
        const auto bytes = file_.subspan(s.offset, s.file_size);
        for (std::size_t at = 0; bytes.size() - at >= sizeof(Elf64_Nhdr); ++index) {
            const auto header = read<Elf64_Nhdr>(bytes, at);
            const std::size_t left = bytes.size() - at;
            const std::size_t payload_at = aligned(sizeof header + header.n_namesz, alignment);
            if (sizeof header + header.n_namesz > left) {
                throw ElfError("note " + std::to_string(index) + ": an owner of " + std::to_string(header.n_namesz) +
                               " bytes, but its segment has " + std::to_string(left - sizeof header) + " left");
            }
            if (header.n_descsz > 0 && payload_at + header.n_descsz > left) {
                throw ElfError("note " + std::to_string(index) + ": a payload of " + std::to_string(header.n_descsz) +
                               " bytes, but its segment has " +
                               std::to_string(payload_at < left ? left - payload_at : 0) + " left");
            }
            std::string_view owner(reinterpret_cast<const char*>(bytes.data()) + at + sizeof header, header.n_namesz);
            owner = owner.substr(0, owner.find('\0'));
            const auto payload =
                header.n_descsz > 0 ? bytes.subspan(at + payload_at, header.n_descsz) : std::span<const std::byte>{};
            visit({index, owner, header.n_type, payload});
            at += std::min(left, aligned(payload_at + header.n_descsz, alignment));
        }
    }
}

std::string ElfImage::build_id() const {
    constexpr char digits[] = "0123456789abcdef";
    std::string id;
    for_each_note([&](const ElfNote& note) {
        if (note.owner != "GNU" || note.type != NT_GNU_BUILD_ID || !id.empty()) return;
        for (const std::byte b : note.payload.first(std::min<std::size_t>(note.payload.size(), 64))) {
            id += digits[static_cast<unsigned>(b) >> 4];
            id += digits[static_cast<unsigned>(b) & 15];
        }
    });
    return id;
}

bool ElfImage::executable_stack() const {
    const auto stack =
        std::find_if(segments_.begin(), segments_.end(), [](const ElfSegment& s) { return s.type == PT_GNU_STACK; });
    return stack == segments_.end() || (stack->flags & PF_X) != 0;  // without the header the loader assumes the worst
}

}  // namespace dvhost::registry

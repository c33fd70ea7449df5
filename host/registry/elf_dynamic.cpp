#include "registry/elf.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <map>

/// The dynamic section and the symbol tables it points to.

namespace dvhost::registry {
namespace {

template <class T>
std::optional<T> read_at(std::span<const std::byte> bytes, std::uint64_t offset) {
    if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

std::string_view string_at(std::span<const std::byte> table, std::uint64_t offset, std::string_view what) {
    if (offset >= table.size()) {
        throw ElfError("damaged dynamic section: " + std::string(what) + " lies at " + std::to_string(offset) +
                       " of a string table of " + std::to_string(table.size()) + " bytes");
    }
    const auto* begin = reinterpret_cast<const char*>(table.data()) + offset;
    const auto* end = static_cast<const char*>(std::memchr(begin, 0, table.size() - offset));
    if (!end) throw ElfError("damaged dynamic section: " + std::string(what) + " is not terminated");
    return {begin, static_cast<std::size_t>(end - begin)};
}

/// How many symbols there are follows from the hash table: DT_HASH says it, in DT_GNU_HASH the last chain's end does.
std::uint64_t count_from_gnu_hash(std::span<const std::byte> table) {
    const auto n_buckets = read_at<std::uint32_t>(table, 0), first = read_at<std::uint32_t>(table, 4),
               bloom_words = read_at<std::uint32_t>(table, 8);
    if (!n_buckets || !first || !bloom_words) throw ElfError("damaged dynamic section: the hash table is cut off");
    const std::uint64_t buckets_at = 16 + std::uint64_t{*bloom_words} * 8;
    const std::uint64_t chains_at = buckets_at + std::uint64_t{*n_buckets} * 4;
    std::uint64_t last = 0;
    for (std::uint64_t i = 0; i < *n_buckets; ++i) {
        const auto bucket = read_at<std::uint32_t>(table, buckets_at + i * 4);
        if (!bucket) throw ElfError("damaged dynamic section: the hash table is cut off");
        last = std::max<std::uint64_t>(last, *bucket);
    }
    if (last < *first) return *first;
    for (;; ++last) {
        const auto chain = read_at<std::uint32_t>(table, chains_at + (last - *first) * 4);
        if (!chain) throw ElfError("damaged dynamic section: the hash table is cut off");
        if (*chain & 1) return last + 1;
    }
}

}  // namespace

struct ElfImage::Tables {
    ElfDynamic dynamic;
    std::span<const std::byte> strings, symbols, versions, versions_needed;
    std::uint64_t n_symbols = 0;
};

ElfImage::Tables ElfImage::tables() const {
    const auto segment =
        std::find_if(segments_.begin(), segments_.end(), [](const ElfSegment& s) { return s.type == PT_DYNAMIC; });
    if (segment == segments_.end()) throw ElfError("not a shared object (no dynamic section)");
    const auto section = file_.subspan(segment->offset, segment->file_size);

    std::map<std::int64_t, std::uint64_t> entry;
    std::vector<std::uint64_t> needed;
    for (std::uint64_t at = 0; const auto d = read_at<Elf64_Dyn>(section, at); at += sizeof(Elf64_Dyn)) {
        if (d->d_tag == DT_NULL) break;
        if (d->d_tag == DT_NEEDED) needed.push_back(d->d_un.d_val);
        entry.emplace(d->d_tag, d->d_un.d_val);
    }
    const auto value = [&](std::int64_t tag) -> std::uint64_t { return entry.contains(tag) ? entry.at(tag) : 0; };
    const auto table = [&](std::int64_t tag) {
        return entry.contains(tag) ? from_address(entry.at(tag)) : std::span<const std::byte>{};
    };

    Tables out;
    const auto strings = table(DT_STRTAB);
    if (strings.empty()) throw ElfError("damaged dynamic section: no string table");
    out.strings = strings.first(std::min<std::uint64_t>(strings.size(), value(DT_STRSZ)));
    for (const std::uint64_t at : needed) out.dynamic.needed.push_back(string_at(out.strings, at, "a needed library"));
    if (entry.contains(DT_SONAME)) out.dynamic.soname = string_at(out.strings, value(DT_SONAME), "the soname");
    if (entry.contains(DT_RPATH)) out.dynamic.rpath = string_at(out.strings, value(DT_RPATH), "the rpath");
    if (entry.contains(DT_RUNPATH)) out.dynamic.runpath = string_at(out.strings, value(DT_RUNPATH), "the runpath");
    out.dynamic.executable = (value(DT_FLAGS_1) & DF_1_PIE) != 0;
    out.dynamic.bind_now =
        entry.contains(DT_BIND_NOW) || (value(DT_FLAGS) & DF_BIND_NOW) != 0 || (value(DT_FLAGS_1) & DF_1_NOW) != 0;
    out.dynamic.text_relocations = entry.contains(DT_TEXTREL) || (value(DT_FLAGS) & DF_TEXTREL) != 0;

    out.symbols = table(DT_SYMTAB);
    out.versions = table(DT_VERSYM);
    out.versions_needed = table(DT_VERNEED);
    if (const auto hash = table(DT_HASH); !hash.empty()) {
        out.n_symbols = read_at<std::uint32_t>(hash, 4).value_or(0);
    } else if (const auto gnu_hash = table(DT_GNU_HASH); !gnu_hash.empty()) {
        out.n_symbols = count_from_gnu_hash(gnu_hash);
    }
    if (out.n_symbols > out.symbols.size() / sizeof(Elf64_Sym)) {
        throw ElfError("damaged dynamic section: " + std::to_string(out.n_symbols) +
                       " symbols do not fit in the symbol table");
    }
    return out;
}

ElfDynamic ElfImage::dynamic() const { return tables().dynamic; }

namespace {

/// Version index -> name, from DT_VERNEED. Damage only costs the names: the loader itself checks versions.
std::map<std::uint16_t, std::string_view> needed_versions(std::span<const std::byte> table,
                                                          std::span<const std::byte> strings) {
    constexpr int kMaxVersions = 10'000;  // entries may overlap: without a limit a small file could ask for hours
    std::map<std::uint16_t, std::string_view> names;
    std::uint64_t at = 0;
    int n_read = 0;
    while (const auto library = read_at<Elf64_Verneed>(table, at)) {
        std::uint64_t version_at = at + library->vn_aux;
        for (std::uint32_t i = 0; i < library->vn_cnt; ++i) {
            const auto version = read_at<Elf64_Vernaux>(table, version_at);
            if (!version || ++n_read > kMaxVersions) return names;
            names.emplace(version->vna_other & 0x7FFF, string_at(strings, version->vna_name, "a version"));
            if (version->vna_next == 0) break;
            version_at += version->vna_next;
        }
        if (library->vn_next == 0 || ++n_read > kMaxVersions) break;
        at += library->vn_next;
    }
    return names;
}

}  // namespace

std::vector<ElfSymbol> ElfImage::symbols(bool defined) const {
    constexpr int kUnique = STB_GNU_UNIQUE;
    const Tables t = tables();
    const auto version_names = needed_versions(t.versions_needed, t.strings);
    std::vector<ElfSymbol> out;
    for (std::uint64_t i = 1; i < t.n_symbols; ++i) {
        const auto symbol = *read_at<Elf64_Sym>(t.symbols, i * sizeof(Elf64_Sym));
        const int binding = ELF64_ST_BIND(symbol.st_info), type = ELF64_ST_TYPE(symbol.st_info),
                  visibility = ELF64_ST_VISIBILITY(symbol.st_other);
        const bool is_defined = symbol.st_shndx != SHN_UNDEF;
        if (is_defined != defined || binding == STB_LOCAL || type == STT_SECTION || type == STT_FILE) continue;
        if (defined && (visibility == STV_HIDDEN || visibility == STV_INTERNAL || symbol.st_shndx == SHN_ABS)) continue;
        ElfSymbol found{string_at(t.strings, symbol.st_name, "a symbol's name"), "", is_defined, binding == STB_WEAK,
                        binding == kUnique};
        if (found.name.empty()) continue;
        const auto version = read_at<std::uint16_t>(t.versions, i * 2);
        if (!defined && version) {
            const auto name = version_names.find(*version & 0x7FFF);
            if (name != version_names.end()) found.version = name->second;
        }
        out.push_back(found);
    }
    return out;
}

std::vector<ElfSymbol> ElfImage::exports() const { return symbols(true); }
std::vector<ElfSymbol> ElfImage::imports() const { return symbols(false); }

}  // namespace dvhost::registry

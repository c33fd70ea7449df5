#pragma once
/// A bounds-checked reader of 64-bit ELF shared objects over bytes that nobody vouches for. It follows the program
/// headers and the dynamic section, which the loader uses too, and never the section headers, which may be damaged or
/// absent.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace dvhost::registry {

/// What is wrong with the bytes as a shared object for this machine. The text is a refusal's reason, without the file.
struct ElfError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct ElfSegment {
    std::uint32_t type = 0, flags = 0;  ///< PT_*, PF_*
    std::uint64_t offset = 0, file_size = 0, address = 0, memory_size = 0, alignment = 0;
};

struct ElfNote {
    std::size_t index = 0;  ///< among all notes of the file, from 0
    std::string_view owner;
    std::uint32_t type = 0;
    std::span<const std::byte> payload;
};

/// The entries of the dynamic section that matter before loading.
struct ElfDynamic {
    std::vector<std::string_view> needed;
    std::string_view soname, rpath, runpath;
    bool executable = false;  ///< DF_1_PIE
    bool bind_now = false;
    bool text_relocations = false;
};

struct ElfSymbol {
    std::string_view name;
    std::string_view version;  ///< of an import; "" when it asks for none
    bool defined = false, weak = false, unique = false;
};

/// A view: the bytes must outlive it. Reading it is safe from several threads.
class ElfImage {
public:
    /// Checks the header, the program headers and that every loadable segment lies inside the file. Throws ElfError.
    explicit ElfImage(std::span<const std::byte> file);

    std::span<const ElfSegment> segments() const { return segments_; }
    /// Visits every note of every PT_NOTE segment, whoever owns it. Throws ElfError at the first that does not fit.
    void for_each_note(const std::function<void(const ElfNote&)>& visit) const;
    /// Throws ElfError when there is no dynamic section or an entry points outside the file.
    ElfDynamic dynamic() const;
    /// Names this object defines for others. Throws ElfError.
    std::vector<ElfSymbol> exports() const;
    /// Names this object expects from others, weak ones included. Throws ElfError.
    std::vector<ElfSymbol> imports() const;
    /// Lower-case hexadecimal; "" when there is none.
    std::string build_id() const;
    bool executable_stack() const;

private:
    struct Tables;

    std::span<const std::byte> at_offset(std::uint64_t offset, std::uint64_t size, std::string_view what) const;
    /// The bytes from a virtual address to the end of its segment's part of the file; empty when it has none.
    std::span<const std::byte> from_address(std::uint64_t address) const;
    Tables tables() const;
    std::vector<ElfSymbol> symbols(bool defined) const;
    void check_loadable() const;

    std::span<const std::byte> file_;
    std::vector<ElfSegment> segments_;
};

}  // namespace dvhost::registry

#pragma once
/// Where the dynamic loader would find a needed library, without loading it.

#include "registry/elf.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dvhost::registry {

/// The loader's order: the library's own rpath or runpath, the program's and LD_LIBRARY_PATH, the system's folders,
/// then its cache (/etc/ld.so.cache).
class LibrarySearch {
public:
    /// For what `file` (with dynamic section `dynamic`) needs.
    LibrarySearch(const std::filesystem::path& file, const ElfDynamic& dynamic);

    /// The first file of that name which is an x86-64 shared object.
    std::optional<std::filesystem::path> find(std::string_view name) const;
    /// The folders that find() looks into, for messages. The cache is not among them.
    const std::vector<std::string>& folders() const { return folders_; }

private:
    std::vector<std::string> folders_;
};

}  // namespace dvhost::registry

#pragma once
/// Which memory belongs to a loaded library: what a pointer from a plugin is asked before it is read or called.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace dvhost::registry {

class Module {
public:
    /// The module of a handle from dlopen(). Throws std::runtime_error when the loader does not know it.
    explicit Module(void* handle);

    /// True if all of [pointer, pointer + size) can be read and is the module's own.
    bool holds(const void* pointer, std::size_t size) const;
    /// True if `pointer` lies in the module's code.
    bool holds_code(const void* pointer) const;

    /// True if `text` is the module's own and ends within `limit` bytes.
    bool holds_text(const char* text, std::size_t limit) const;

    /// Some address of the module, for looking it up in the process's map.
    const void* address() const { return address_; }

private:
    struct Range {
        std::uintptr_t begin = 0, end = 0;
        bool executable = false;
    };
    std::vector<Range> ranges_;
    const void* address_ = nullptr;
};

/// What /proc/self/maps says of the file behind an address: "device inode". "" when nothing is mapped there.
std::string mapped_file(const void* address);

}  // namespace dvhost::registry

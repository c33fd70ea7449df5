#pragma once
/// The checks on a file before the loader may see it: dlopen() of a truncated library kills the process, of a FIFO
/// hangs it.

#include "registry/elf.hpp"
#include "registry/refusal.hpp"
#include "registry/schema.hpp"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dvhost::registry {

/// Tells whether two looks at a path saw the same file.
struct FileIdentity {
    dev_t device = 0;
    ino_t inode = 0;
    std::int64_t size = 0;                  ///< [bytes]
    std::int64_t modified_nanoseconds = 0;  ///< since 1970-01-01 UTC
    bool operator==(const FileIdentity&) const = default;
};

/// A regular file, open and mapped read-only for as long as this lives.
class PluginFile {
public:
    /// Never blocks. Throws Refusal: not_found (absent, no permission, loop, not a regular file), rejected (others may
    /// write to it and we are root).
    static PluginFile open(const std::filesystem::path& path);

    const std::filesystem::path& path() const { return path_; }
    const FileIdentity& identity() const { return identity_; }
    std::span<const std::byte> bytes() const { return bytes_; }
    /// What is worth a warning about the file itself; "" if nothing.
    const std::string& warning() const { return warning_; }
    /// The open file as it is now.
    FileIdentity current_identity() const;

    PluginFile(PluginFile&& other) noexcept;
    PluginFile& operator=(PluginFile&&) = delete;
    ~PluginFile();

private:
    PluginFile(std::filesystem::path path, int descriptor);

    std::filesystem::path path_;
    int descriptor_;
    FileIdentity identity_;
    std::span<const std::byte> bytes_;
    std::string warning_;
};

/// Why others may change what lies there ("world-writable (mode 777)"); "" if they may not.
std::string world_writable(const std::filesystem::path& path);
/// Whether that is a refusal (under root) or a warning.
bool refuses_world_writable();

/// The file as a shared object for this host. Throws Refusal (rejected).
ElfImage checked_image(const PluginFile& file);

/// What is known of a file without running it.
struct Inspection {
    std::optional<PluginInfo> info;  ///< null when the file has no notes of ours
    std::vector<std::string> warnings;
};

/// Shape, notes, ABI major version and fingerprint. Throws Refused.
Inspection inspect_file(const PluginFile& file);

/// A refusal that still knows what the plugin would have been.
struct Refused : Refusal {
    Refused(const Refusal& refusal, std::optional<PluginInfo> plugin) : Refusal(refusal), info(std::move(plugin)) {}
    std::optional<PluginInfo> info;
};

}  // namespace dvhost::registry

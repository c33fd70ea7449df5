#pragma once
/// Finds plugins, reads what they say of themselves, and loads the ones a run needs. Knows no manifest.

#include "registry/refusal.hpp"
#include "registry/schema.hpp"

#include <dv/abi.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dvhost::registry {

/// A directory of the search path and why it is one.
struct SearchDirectory {
    std::filesystem::path path;
    /// "manifest [plugins] paths", "--plugin-path", "DVHOST_PLUGIN_PATH", "XDG_DATA_HOME", "beside the program"
    std::string reason;
};

/// The order of spec: manifest, command line, $DVHOST_PLUGIN_PATH (':' separated), $XDG_DATA_HOME/dvhost/plugins (or
/// ~/.local/share/...), <exe>/../lib/dvhost/plugins.
std::vector<SearchDirectory> search_path(const std::vector<std::filesystem::path>& from_manifest,
                                         const std::vector<std::filesystem::path>& from_command_line);

/// What became of one file (or directory) during the scan; `plugins doctor` prints all of them.
struct ScanEntry {
    enum class State { usable, no_note, refused, duplicate, skipped_directory, missing_directory };
    std::filesystem::path path;
    State state;
    std::string reason;              ///< of a usable file: what is worth a warning, mostly nothing
    ExitCode code = ExitCode::ok;    ///< of a refusal
    std::optional<PluginInfo> info;  ///< as far as it could be read (a refused fingerprint still has one)
};

/// What is found for a manifest's `type`.
struct Lookup {
    const ComponentInfo* component = nullptr;  ///< null when there is none, or more than one
    std::vector<std::string> candidates;       ///< ambiguous: full ids; unknown: all names of the kind
    std::vector<std::string> refused;          ///< "file: reason" of refused files that would have had it
    ExitCode refused_code = ExitCode::ok;      ///< of the first of them
};

class LoadedPlugin;

class Registry {
public:
    /// Reads notes only; no plugin code runs. Files in `dir` itself, in dir/abi1 and dir/abi1/torch-<version>, and one
    /// level of sub-directories of each; *.so in sorted order. A file may also be named directly as a "directory". The
    /// same file or the same content twice counts once. Two files of different content that hold the same component id
    /// are both refused (65), each naming the other; everything else stays usable.
    static Registry scan(std::vector<SearchDirectory> directories);

    std::span<const ScanEntry> entries() const;
    std::span<const SearchDirectory> directories() const;
    std::vector<const PluginInfo*> plugins() const;  ///< usable ones, by id

    /// `type` is a short name ("csv") or a full id.
    Lookup find(std::string_view iface, std::string_view type) const;
    /// All usable components of a kind, by id.
    std::vector<const ComponentInfo*> components(std::string_view iface) const;
    const PluginInfo& plugin_of(const ComponentInfo& component) const;

    /// Loads the plugin of `component` (once; never unloaded) and gives its descriptor. Checks before dlopen: needed
    /// libraries and imports. After it: same file, handshake, notes against tables. `host` is handed to init() and must
    /// stay valid until shut_down(). The descriptor and, for the portable kinds, its vtable are this host's copies:
    /// what an older plugin lacks is null there. Throws Refusal; for the same plugin again the same one.
    const dv_component& load(const ComponentInfo& component, const dv_host& host);

    /// Calls fini() of the loaded plugins, last loaded first.
    void shut_down();

    Registry(Registry&&) noexcept;
    Registry& operator=(Registry&&) noexcept;
    ~Registry();

private:
    Registry();
    struct State;
    std::unique_ptr<State> state_;
};

/// All static checks on one file, then its notes: what scan() does per file. Throws Refusal.
PluginInfo inspect(const std::filesystem::path& file);

}  // namespace dvhost::registry

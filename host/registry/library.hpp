#pragma once
/// A plugin's file, loaded. Once it is in the process it stays: its code may be on any stack and in any autograd graph.

#include "registry/preflight.hpp"

#include <dv/abi.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace dvhost::registry {

class Library {
public:
    /// dlopen(), now, local, never unloaded; runs the plugin's static initialisers. `file` has passed all checks of
    /// preflight.hpp and dependencies.hpp. Throws Refusal (rejected), also when what was loaded is not the checked
    /// file.
    explicit Library(const PluginFile& file);
    ~Library();
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;

    /// Runs the plugin's entry and checks what it gives. Throws Refusal (rejected).
    void read_tables();
    /// Precondition: read_tables(). Throws Refusal (rejected) when the tables are not what the note says.
    void compare_with(const PluginInfo& note) const;

    /// Preconditions of the rest: read_tables().
    /// This host's copies: fields that the plugin is too old for are null, those that it is too new for are left out.
    const dv_plugin& plugin() const { return plugin_; }
    /// Null when there is none of that id. Of a portable kind the vtable is a copy too.
    const dv_component* component(std::string_view id) const;

private:
    struct Handle;
    struct Component {
        dv_component descriptor;
        std::vector<std::uint64_t> table;  ///< behind descriptor.vtable
    };
    void copy_tables();

    std::filesystem::path path_;
    std::unique_ptr<Handle> handle_;
    const dv_plugin* original_ = nullptr;
    dv_plugin plugin_{};
    std::vector<Component> components_;
};

/// Throws Refusal (rejected) when the file does not export the entry function.
void check_entry_symbol(const PluginFile& file, const ElfImage& image);

}  // namespace dvhost::registry

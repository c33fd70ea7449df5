#pragma once
/// A plugin's file: what it says of itself in its notes, read without running it, and its table, once it is asked for.

#include <dv/abi.h>
#include <dv/testing/config.hpp>
#include <dv/testing/host.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dv::testing {

/// One parameter as a component's note declares it.
struct ParameterNote {
    std::string name, type, doc;  ///< type: "int", "list<float>", "component<dv.recurrence>", "table", ...
    std::optional<Value> fallback;
    bool required = false, optional = false;
    std::optional<double> min, max, above, below, multiple_of;
    std::vector<std::string> choices;
    std::vector<ParameterNote> nested;  ///< of a table, or of a list's tables

    bool is_list() const { return type.starts_with("list<"); }
    std::string element_type() const;  ///< of a list, else the type itself
    std::string nested_iface() const;  ///< "dv.recurrence" of component<dv.recurrence>; empty when it is no component
};

struct ComponentNote {
    std::string iface, id, doc;
    std::int64_t iface_version = 0;
    std::vector<ParameterNote> parameters;

    std::string_view short_name() const;  ///< the part of the id after the last dot
};

/// From the text of a component's note. Throws std::invalid_argument.
ComponentNote read_component_note(std::string_view text);

/// Checks `table` as a host would (unknown keys, types, ranges, choices, what is required) and puts in the nested
/// components that are there by default. Tables of nested components are left to whoever makes them. Throws
/// std::invalid_argument that names the key. The keys that belong to the host (`type`, `required`, `max_errors`) are
/// let through.
void check_and_complete(const std::vector<ParameterNote>& parameters, Value& table, const std::string& where);

class Library {
public:
    /// Reads the notes; no code of the plugin runs. Throws std::runtime_error when the file cannot be read or is no
    /// plugin.
    explicit Library(std::filesystem::path file);

    const std::filesystem::path& path() const { return path_; }
    const std::string& id() const { return id_; }                       ///< the plugin's, "vendor.name"
    const std::vector<ComponentNote>& notes() const { return notes_; }  ///< by id

    /// Loads the file (RTLD_NOW | RTLD_LOCAL; it stays loaded), calls its entry and, once per Library, init(). Throws
    /// std::runtime_error.
    const dv_plugin& table();
    /// By full id ("vendor.kind.name"); null when there is none.
    const ComponentNote* note(std::string_view id) const;
    const dv_component* find(std::string_view id);

private:
    std::filesystem::path path_;
    std::string id_;
    std::vector<ComponentNote> notes_;
    const dv_plugin* table_ = nullptr;
    std::unique_ptr<Host> init_host_;  // only for plugins that have an init()
};

/// Whether a library has our notes at all; used when looking through a folder.
bool is_plugin(const std::filesystem::path& file);

}  // namespace dv::testing

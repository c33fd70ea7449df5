#pragma once
/// What a plugin says of itself, read from its notes: never by running it.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace dvhost::registry {

enum class ParameterType { boolean, integer, real, string, path, enumeration, table, component };

/// A default value as the note writes it. Lists hold scalars only.
using Scalar = std::variant<bool, std::int64_t, double, std::string>;
using DefaultValue = std::variant<std::monostate, Scalar, std::vector<Scalar>>;  ///< monostate: there is none

/// One [[param]] of a note (the format is docs/plugin_notes.md; the writer is sdk/include/dv/note.hpp).
struct ParameterSchema {
    std::string name, doc;
    ParameterType type = ParameterType::string;
    bool is_list = false;  ///< list<type>
    std::string iface;     ///< component<iface>
    DefaultValue fallback;
    bool required = false;  ///< must be given
    bool optional = false;  ///< stays unset when it is not given
    bool secret = false;
    std::optional<double> min, max, above, below, multiple_of;
    std::vector<std::string> choices;  ///< of an enum, "true" and "false" stand for TOML's own
    std::string unit, since, deprecated, replace_with;
    std::vector<ParameterSchema> nested;  ///< type == table

    /// "int", "list<float>", "component<dv.recurrence>", ...
    std::string type_text() const;
    /// "between 1 and 31", "> 0", "one of: min, max"; empty when anything goes.
    std::string constraint_text() const;
    /// The default as TOML, "" when there is none.
    std::string default_text() const;
};

struct ComponentInfo {
    std::string iface;  ///< "dv.logger"
    std::uint32_t iface_version = 0;
    std::string id;  ///< "dynvision.logger.csv"
    std::string doc;
    std::vector<ParameterSchema> parameters;

    std::string_view short_name() const;  ///< "csv"
    std::string_view kind() const;        ///< "logger"
};

enum class PluginClass { portable, torch };

struct PluginInfo {
    std::filesystem::path path;  ///< as found
    std::string id, version, license, authors, url, description, build;
    PluginClass plugin_class = PluginClass::portable;
    std::uint16_t abi_major = 0, abi_minor = 0;
    std::vector<std::string> op_namespaces;  ///< of TORCH_LIBRARY; each begins with the vendor
    std::vector<ComponentInfo> components;   ///< sorted by id
    /// Torch class: one text per translation unit, "key = value" lines (TOML), see fingerprint.hpp.
    std::vector<std::string> fingerprints;
};

}  // namespace dvhost::registry

#pragma once
/// TOML text that nobody vouches for, one note at a time. The only header of this folder that shows toml++.

#include "registry/note.hpp"

#include <toml++/toml.h>

#include <string>
#include <string_view>

namespace dvhost::registry {

/// Parses after checking encoding and nesting, which toml++ would otherwise meet unchecked. `name` is how errors call
/// the note, e.g. "note 3". Throws NoteError with line and column.
toml::table parse_note(std::string_view text, const std::string& name);

/// [[param]] tables -> schemas. Throws NoteError, NameError.
std::vector<ParameterSchema> read_parameters(const toml::table& table, const std::string& name);

/// Typed access that says what it expected. `name` as above, extended by where in the note it is.
std::string text_of(const toml::table& table, std::string_view key, const std::string& name);  ///< required
std::string optional_text_of(const toml::table& table, std::string_view key,
                             const std::string& name);                                             ///< "" if absent
std::int64_t integer_of(const toml::table& table, std::string_view key, const std::string& name);  ///< required

/// "a string", "an integer", ...
std::string type_name(const toml::node& node);

}  // namespace dvhost::registry

#pragma once
/// One value against one parameter's schema.

#include "manifest/manifest.hpp"
#include "registry/schema.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace dvhost::compose {

/// What is wrong with a scalar ("is 40: must be between 1 and 31"), or nothing. `value` is not a list.
std::optional<std::string> scalar_problem(const manifest::Node& value, const registry::ParameterSchema& schema);

/// Whether a text holds "scheme://user:password@host".
bool holds_a_password(std::string_view text);

/// The default of a schema as a node with source "default"; none when it has none.
std::optional<manifest::Node> default_node(const registry::ParameterSchema& schema);

/// `text` as an absolute path: relative to the file it was written in, or to the current folder.
std::string absolute_path(const std::string& text, const manifest::Source& source);

}  // namespace dvhost::compose

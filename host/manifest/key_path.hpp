#pragma once
/// Dotted paths into the tree: "logger.0.type", 'data."odd key"'.

#include "manifest/node.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dvhost::manifest {

/// Keys and list indices from the root to a node.
using KeyPath = std::vector<std::string>;

/// A path, or why the text is none.
struct KeyPathResult {
    KeyPath path;
    std::string problem;  ///< empty when `path` holds
};

/// Segments are separated by dots; one that holds other characters than letters, digits, '_', '-' and the like stands
/// in "..." (with \" and \\) or '...'.
KeyPathResult parse_key_path(std::string_view text);

/// The segment as TOML writes a key: bare where that is allowed, else quoted.
std::string key_text(std::string_view key);
std::string to_text(const KeyPath& path);

/// "0", "17"; not "+1", "01" or "1x".
std::optional<std::size_t> parse_index(std::string_view segment);

/// The element of a list or the value of a table under `segment`; null when there is none.
const Node* child(const Node& parent, std::string_view segment);
Node* child(Node& parent, std::string_view segment);

}  // namespace dvhost::manifest

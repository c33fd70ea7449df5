#pragma once
/// TOML text to a tree.

#include "manifest/manifest.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dvhost::manifest {

/// Adds to `problems`: not UTF-8, no TOML, nothing in it, dates and times, nesting that is too deep. Values with a
/// problem are left out of the tree; nothing is returned when there is no tree at all. `origin` is the file of every
/// Source.
std::optional<Node> parse_document(std::string_view text, const std::string& origin, std::vector<Problem>& problems);

/// One TOML value, or why the text is none.
struct ValueResult {
    std::optional<Node> node;
    std::string reason;         ///< set when there is no node
    std::size_t character = 0;  ///< 1-based, where in the text it was found; 0: it is about the text as a whole
    bool is_toml = true;        ///< false: the text is not TOML (and may be a bare word)
};

/// All nodes of the value get `source`.
ValueResult parse_value(std::string_view text, const Source& source);

/// Levels of tables and lists below and including this node; 0 for a scalar.
std::size_t nesting_of(const Node& node);

}  // namespace dvhost::manifest

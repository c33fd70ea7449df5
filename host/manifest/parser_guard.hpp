#pragma once
/// A look at the characters of a TOML text before toml++ 3.3 sees it.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace dvhost::manifest {

/// Tables and lists inside each other, below the root.
inline constexpr std::size_t kDeepestNesting = 64;

std::string too_deep_message();

struct Hazard {
    std::size_t offset;
    std::string message;
};

/// The first of these, if any. Precondition: UTF-8.
///  - A bracket or a dot that is one too many: open brackets, or dots of one key. The parser would exhaust its stack.
///    What passes has some thousand levels at worst ([a.b] keys in {} in {} ...); the exact limit is checked on the
///    tree.
///  - A character outside ASCII that is in no string or comment: TOML has no place for it there, and toml++'s test
///    for blanks is not defined for all of them. Mostly a typographic quote or blank that was pasted.
std::optional<Hazard> find_hazard(std::string_view text);

}  // namespace dvhost::manifest

#pragma once
/// The word that somebody probably meant.

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace dvhost::manifest {

/// The candidate nearest to `word`: least edits (insert, delete, replace, swap of neighbours; letter case does not
/// count), at most max(1, length / 3) of them, and not a different word altogether. The first of equals; nothing when
/// none is near.
std::optional<std::string> closest(std::string_view word, std::span<const std::string> candidates);

}  // namespace dvhost::manifest

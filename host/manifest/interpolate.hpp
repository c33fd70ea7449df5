#pragma once
/// ${env:NAME} and ${path.to.key} in strings.

#include "manifest/manifest.hpp"

#include <optional>
#include <string>
#include <vector>

namespace dvhost::manifest {

/// Replaces both forms in every string of the tree; `$${` becomes `${`. What is inserted is not searched again, so an
/// environment variable cannot smuggle in a reference. With `complete` false (some file or override was refused),
/// references to values that are absent are not reported: they may be in what was refused.
void interpolate(Node& root, bool complete, std::vector<Problem>& problems);

/// The same for one string that is read before other values are known: ${path.to.key} is refused. Nothing is returned
/// when a problem was added.
std::optional<std::string> expand_environment(const std::string& text, const Source& source,
                                              std::vector<Problem>& problems);

}  // namespace dvhost::manifest

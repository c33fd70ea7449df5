#pragma once
/// The -o options: "path.to.key=VALUE", "path.to.list+=VALUE".

#include "manifest/manifest.hpp"

#include <string>
#include <vector>

namespace dvhost::manifest {

/// Applies them in order; one that cannot be applied becomes a Problem and changes nothing. With `complete` false
/// (some file was refused), a list that is absent is not reported: it may be in what was refused.
void apply_overrides(Node& root, const std::vector<std::string>& overrides, bool complete,
                     std::vector<Problem>& problems);

}  // namespace dvhost::manifest

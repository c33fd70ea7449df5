#pragma once
/// Several trees to one.

#include "manifest/manifest.hpp"

#include <vector>

namespace dvhost::manifest {

/// From first to last: tables key by key, other values of the later tree replace those of the earlier. A list is
/// appended to instead when the later tree says so in `[merge]` (`callback = "append"`, `optimizer.groups =
/// "append"`); that table is taken out. A key keeps the position of its first appearance and gets the Source of its
/// last.
Node merge(std::vector<Node> trees, std::vector<Problem>& problems);

}  // namespace dvhost::manifest

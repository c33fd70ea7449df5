#pragma once
/// A manifest tree as components see it through the door.

#include "manifest/node.hpp"

#include <dv/abi.h>

namespace dvhost::compose {

/// A dv_config over `table`, which must outlive every use and stay at its address. All functions are const reads: any thread.
dv_config config_view(const manifest::Node& table);

/// The node behind a handle that came out of such a dv_config.
const manifest::Node& node_behind(const dv_node* handle);

}  // namespace dvhost::compose

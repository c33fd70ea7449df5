#pragma once
/// Whether a component's declaration makes sense in itself.

#include "registry/schema.hpp"

#include <string>
#include <vector>

namespace dvhost::registry {

/// "lab.logger.csv, parameter 'every': the default 0 is not between 1 and 1000", ...; empty when all is well.
std::vector<std::string> schema_problems(const ComponentInfo& component);

}  // namespace dvhost::registry

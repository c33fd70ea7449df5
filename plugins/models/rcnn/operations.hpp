#pragma once
/// From the names in `operations` to what a layer does.

#include "settings.hpp"

#include <vector>

namespace rcnn {

/// What is there for an operation of one layer to act with.
struct Parts {
    bool has_skip = false, has_feedback = false;
    std::optional<dv::temporal::Pool> pool;
};

/// Throws ParameterError when a name is unknown, or 'layer' is not among them.
void check_operations(const Settings& settings);

/// The operations of one layer in their order; those that nothing is there for are left out.
std::vector<dv::temporal::Operation> operations_of(const Settings& settings, const Parts& parts);

bool has_operation(const Settings& settings, std::string_view name);

}  // namespace rcnn

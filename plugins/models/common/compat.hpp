#pragma once
/// What DynVision 0.1.0 (dd24be4) computed differently, for compat = "dynvision-0.1". The README lists it item by item.

#include "settings.hpp"

#include <dv/torch/parameters.hpp>

namespace rcnn {

/// How many entries its layers keep, floor(history_length / dt), whatever is read: with 0 the recurrence is off and the
/// solver goes on from its own result; what is read further back never arrives.
std::int64_t buffer_length(const Settings& settings);

/// Fixed recurrent weights were parameters, and drawn anew but where `keeps_values`.
/// Changes what the built recurrence at `place` declares.
void loosen(std::vector<dv::NamedTensor>& parameters, double max_weight_init, bool keeps_values,
            const dv::Component& owner, const std::string& place);

/// The solver was always Euler's. Warns when another is asked for.
std::shared_ptr<const dv::Solver> euler_whatever(const std::string& type, const std::string& layer,
                                                 const dv::Component& owner);

}  // namespace rcnn

#pragma once
/// The kinds of cases: each reads what its cases say and gives what computes one.

#include "verify/findings.hpp"
#include "verify/model_case.hpp"

#include <functional>
#include <span>

namespace dvhost::verify {

/// Computes a case. Throws dv::Error and what components throw.
using Run = std::function<Findings(Workshop& workshop, const Setting& setting)>;

struct Kind {
    std::string_view name;
    bool has_plans;  ///< whether its cases are computed once per plan
    Run (*read)(TableReader& reader);
};
std::span<const Kind> kinds();

/// A model's outputs for one batch, called directly: no masks, no padding.
Run read_forward(TableReader& reader);
/// Mean absolute activity per layer and step.
Run read_layers(TableReader& reader);
/// Some steps of training on one batch.
Run read_train(TableReader& reader);
/// Numbers of parameters.
Run read_count(TableReader& reader);
/// One part by itself (functions.hpp).
Run read_function(TableReader& reader);

}  // namespace dvhost::verify

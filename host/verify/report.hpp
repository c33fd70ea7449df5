#pragma once
/// Computing cases, and telling of it.

#include "verify/case_file.hpp"

#include <functional>
#include <string>
#include <vector>

namespace dvhost::verify {

struct Selection {
    std::vector<dv::EnginePlan> plans;  ///< cases with a model are computed with each
    Precision precision = Precision::double_;
    c10::Device device = c10::Device(c10::kCPU);
};

struct CaseResult {
    std::string id;
    std::string_view kind;
    std::vector<Outcome> outcomes;  ///< one, or one per plan
    bool passed() const;
};

/// Computes one case. What goes wrong is part of the result; only Interrupted and the like are thrown.
CaseResult run_case(const Case& c, const Selection& selection, registry::Registry& plugins, logging::Console& console,
                    logging::HostLog& log);

/// "ok    G01  forward  fast, reference  17 values, the worst at 31 % of its tolerance", or what diverged first.
std::string line(const CaseResult& result, std::size_t id_width);
/// "17 cases, 2 failed".
std::string summary(const std::vector<CaseResult>& results);
/// For programs (docs/verify.md).
std::string json(const std::vector<CaseResult>& results, const std::string& source, const Selection& selection);

}  // namespace dvhost::verify

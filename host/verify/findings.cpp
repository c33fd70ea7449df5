#include "verify/findings.hpp"

#include "manifest/suggest.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace dvhost::verify {

namespace {

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& w : words) out += (out.empty() ? "" : ", ") + w;
    return out;
}

std::string unknown_name(const Expected& expected, const std::vector<std::string>& names) {
    const auto near = manifest::closest(expected.name, names);
    return expected.where.text() + ": this case gives no '" + expected.name + "'" +
           (near ? "; did you mean '" + *near + "'?" : std::string()) + " (it gives: " + joined(names) + ")";
}

std::string wrong_length(const Expected& expected, std::size_t found) {
    return expected.where.text() + ": '" + expected.name + "' is " + std::to_string(expected.values.size()) +
           (expected.values.size() == 1 ? " value" : " values") + ", but the case gives " + std::to_string(found) +
           ": write that many";
}

/// Distance as a share of the tolerance; infinite when one is absent or not a number.
double distance(const Written& expected, const std::optional<double>& found, double tolerance) {
    constexpr double kFar = std::numeric_limits<double>::infinity();
    if (expected.absent || !found) return expected.absent == !found ? 0.0 : kFar;
    const double apart = std::abs(*found - expected.value);
    if (apart == 0.0) return 0.0;
    return std::isfinite(apart) && tolerance > 0.0 ? apart / tolerance : kFar;
}

}  // namespace

Values values_of(const at::Tensor& tensor) {
    const at::Tensor flat = tensor.detach().to(at::kDouble).cpu().contiguous().view({-1});
    const double* first = flat.const_data_ptr<double>();
    return {first, first + flat.numel()};
}

const Values* Findings::find(std::string_view name) const {
    const auto at = std::find_if(found_.begin(), found_.end(), [&](const auto& entry) { return entry.first == name; });
    return at == found_.end() ? nullptr : &at->second;
}

std::vector<std::string> Findings::names() const {
    std::vector<std::string> names;
    for (const auto& entry : found_) names.push_back(entry.first);
    return names;
}

double Tolerance::of(const Written& written, Precision precision) const {
    const Bound& bound = precision == Precision::double_ ? in_double : in_single;
    const double size = std::abs(written.value);
    if (bound.relative || bound.absolute) return bound.relative.value_or(0.0) * size + bound.absolute.value_or(0.0);
    if (precision == Precision::single) return 1e-4 * size + 1e-5;
    // A number and what it was rounded from both carry rounding of their own.
    return written.unit > 0.0 ? 2.0 * written.unit : 1e-12 * size;
}

Outcome compare(const Findings& found, const std::vector<Expected>& expected, const Tolerances& tolerances,
                Precision precision) {
    Outcome out;
    for (const Expected& e : expected) {
        const Values* values = found.find(e.name);
        if (values == nullptr) {
            out.error = unknown_name(e, found.names());
            return out;
        }
        if (values->size() != e.values.size()) {
            out.error = wrong_length(e, values->size());
            return out;
        }
        const auto named = tolerances.find(e.name), all = tolerances.find("*");
        const Tolerance tolerance = named != tolerances.end() ? named->second
                                    : all != tolerances.end() ? all->second
                                                              : Tolerance();
        for (std::size_t i = 0; i < e.values.size(); ++i) {
            const double allowed = tolerance.of(e.values[i], precision);
            const double share = distance(e.values[i], (*values)[i], allowed);
            ++out.n_values;
            if (share <= 1.0) {
                out.worst = std::max(out.worst, share);
            } else if (!out.divergence) {
                const auto wanted = e.values[i].absent ? std::nullopt : std::optional(e.values[i].value);
                out.divergence = Divergence{e.name, i, wanted, (*values)[i], allowed};
            }
        }
    }
    return out;
}

}  // namespace dvhost::verify

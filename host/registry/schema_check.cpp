#include "registry/schema_check.hpp"

#include <algorithm>
#include <cmath>

namespace dvhost::registry {
namespace {

std::optional<double> number(const Scalar& value) {
    if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
    if (const auto* real = std::get_if<double>(&value)) return *real;
    return std::nullopt;
}

bool is_multiple(double value, double step) {
    const double steps = value / step;
    return std::abs(steps - std::round(steps)) <= 1e-9 * std::max(1.0, std::abs(steps));
}

bool allowed(const Scalar& value, const ParameterSchema& p) {
    const auto is_choice = [&](const std::string& text) {
        return std::find(p.choices.begin(), p.choices.end(), text) != p.choices.end();
    };
    if (const auto* text = std::get_if<std::string>(&value); text && !p.choices.empty()) return is_choice(*text);
    if (const auto* flag = std::get_if<bool>(&value); flag && p.type == ParameterType::enumeration) {
        return is_choice(*flag ? "true" : "false");
    }
    const auto n = number(value);
    if (!n) return true;
    return !(p.min && *n < *p.min) && !(p.max && *n > *p.max) && !(p.above && *n <= *p.above) &&
           !(p.below && *n >= *p.below) && !(p.multiple_of && !is_multiple(*n, *p.multiple_of));
}

std::vector<Scalar> scalars(const DefaultValue& value) {
    if (const auto* scalar = std::get_if<Scalar>(&value)) return {*scalar};
    if (const auto* list = std::get_if<std::vector<Scalar>>(&value)) return *list;
    return {};
}

void check(const ParameterSchema& p, const std::string& owner, std::vector<std::string>& out) {
    const std::string name = owner + ", parameter '" + p.name + "'";
    const bool has_default = !std::holds_alternative<std::monostate>(p.fallback);
    if (p.doc.empty()) out.push_back(name + ": no documentation");
    if (p.multiple_of && *p.multiple_of <= 0) out.push_back(name + ": multiple_of must be > 0");
    const bool empty_range = (p.min && p.max && *p.min > *p.max) || (p.above && p.below && *p.above >= *p.below) ||
                             (p.min && p.below && *p.min >= *p.below) || (p.above && p.max && *p.above >= *p.max);
    if (empty_range) out.push_back(name + ": no value can be " + p.constraint_text());
    if (!has_default && !p.required && !p.optional && p.type != ParameterType::table) {
        out.push_back(name + ": neither a default nor required nor optional");
    }
    const auto values = scalars(p.fallback);
    if (!std::all_of(values.begin(), values.end(), [&](const Scalar& value) { return allowed(value, p); })) {
        out.push_back(name + ": the default " + p.default_text() + " is not " + p.constraint_text());
    }
    for (const ParameterSchema& inner : p.nested) check(inner, name, out);
}

}  // namespace

std::vector<std::string> schema_problems(const ComponentInfo& component) {
    std::vector<std::string> out;
    if (component.doc.empty()) out.push_back(component.id + ": no documentation");
    for (const ParameterSchema& p : component.parameters) check(p, component.id, out);
    return out;
}

}  // namespace dvhost::registry

#include "compose/value_check.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>

namespace dvhost::compose {

using manifest::Node;
using registry::ParameterSchema;
using registry::ParameterType;

namespace {

std::string number_text(const Node& value) {
    char digits[32];
    const auto end = value.is_int() ? std::to_chars(digits, digits + sizeof digits, value.as_int()).ptr
                                    : std::to_chars(digits, digits + sizeof digits, value.as_number()).ptr;
    return {digits, end};
}

std::optional<std::string> number_problem(const Node& value, const ParameterSchema& schema) {
    const double v = value.as_number();
    if (!std::isfinite(v)) return "is " + number_text(value) + ": must be a finite number";
    const bool inside = !(schema.min && v < *schema.min) && !(schema.max && v > *schema.max) &&
                        !(schema.above && v <= *schema.above) && !(schema.below && v >= *schema.below) &&
                        !(schema.multiple_of && std::remainder(v, *schema.multiple_of) != 0.0);
    if (inside) return std::nullopt;
    return "is " + number_text(value) + ": must be " + schema.constraint_text();
}

std::optional<std::string> wrong_type(const Node& value, const std::string& wanted) {
    return "is " + std::string(value.type_name()) + ": must be " + wanted;
}

bool is_choice(const std::string& text, const ParameterSchema& schema) {
    return std::find(schema.choices.begin(), schema.choices.end(), text) != schema.choices.end();
}

std::optional<std::string> choice_problem(const Node& value, const ParameterSchema& schema) {
    if (schema.choices.empty() || is_choice(value.as_string(), schema)) return std::nullopt;
    return "is \"" + value.as_string() + "\": must be " + schema.constraint_text();
}

/// An enum's choices true and false are TOML's own; the others are texts.
std::optional<std::string> enumeration_problem(const Node& value, const ParameterSchema& schema) {
    if (value.is_bool()) {
        const std::string text = value.as_bool() ? "true" : "false";
        if (is_choice(text, schema)) return std::nullopt;
        return "is " + text + ": must be " + schema.constraint_text();
    }
    if (!value.is_string()) return wrong_type(value, schema.constraint_text());
    const std::string& text = value.as_string();
    if (is_choice(text, schema) && (text == "true" || text == "false")) {
        return "is \"" + text + "\": write " + text + " without quotes";
    }
    return choice_problem(value, schema);
}

/// The value itself is not shown: it is not to be read.
std::optional<std::string> text_problem(const Node& value, const ParameterSchema& schema) {
    if (!value.is_string()) return wrong_type(value, "a string");
    if (!holds_a_password(value.as_string())) return choice_problem(value, schema);
    return "is an address with a password in it, which has no place in a manifest, as that is kept in the run's folder: "
           "must be an address without; put the password into the environment";
}

}  // namespace

bool holds_a_password(std::string_view text) {
    const std::size_t scheme = text.find("://");
    if (scheme == std::string_view::npos) return false;
    const std::string_view host = text.substr(scheme + 3, text.find_first_of("/?#", scheme + 3) - scheme - 3);
    const std::size_t at = host.rfind('@');
    return at != std::string_view::npos && host.find(':') < at;
}

std::optional<std::string> scalar_problem(const Node& value, const ParameterSchema& schema) {
    switch (schema.type) {
        case ParameterType::boolean: return value.is_bool() ? std::nullopt : wrong_type(value, "true or false");
        case ParameterType::integer:
            return value.is_int() ? number_problem(value, schema) : wrong_type(value, "an integer");
        case ParameterType::real: return value.is_number() ? number_problem(value, schema) : wrong_type(value, "a number");
        case ParameterType::string:
        case ParameterType::path:
            return text_problem(value, schema);
        case ParameterType::enumeration: return enumeration_problem(value, schema);
        case ParameterType::table:
        case ParameterType::component: return std::nullopt;  // judged as tables
    }
    return std::nullopt;
}

std::optional<Node> default_node(const ParameterSchema& schema) {
    const auto scalar = [](const registry::Scalar& s) {
        return std::visit([](const auto& v) { return Node(v, manifest::Source{}); }, s);
    };
    if (const auto* one = std::get_if<registry::Scalar>(&schema.fallback)) return scalar(*one);
    if (const auto* many = std::get_if<std::vector<registry::Scalar>>(&schema.fallback)) {
        Node::List list;
        for (const registry::Scalar& s : *many) list.push_back(scalar(s));
        return Node(std::move(list), manifest::Source{});
    }
    return std::nullopt;
}

std::string absolute_path(const std::string& text, const manifest::Source& source) {
    std::filesystem::path path(text);
    if (text.empty() || path.is_absolute()) return text;
    if (source.kind == manifest::Source::Kind::file) path = std::filesystem::path(source.origin).parent_path() / path;
    return std::filesystem::absolute(path).lexically_normal().string();
}

}  // namespace dvhost::compose

#include "registry/schema.hpp"

#include <charconv>

namespace dvhost::registry {
namespace {

std::string number(double value) {
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    return {buffer, end};
}

std::string toml_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (c == '\n') {
            out += "\\n";
        } else if (c == '\t') {
            out += "\\t";
        } else {
            out += c;
        }
    }
    return out += '"';
}

struct ScalarText {
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(std::int64_t value) const { return std::to_string(value); }
    std::string operator()(double value) const {
        std::string text = number(value);
        const bool is_float = text.find_first_of(".eni") != std::string::npos;
        return is_float ? text : text + ".0";
    }
    std::string operator()(const std::string& value) const { return toml_string(value); }
};

std::string joined(const std::vector<std::string>& texts) {
    std::string out;
    for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
    return out;
}

/// "between 1 and 31", "at least 1", "> 0 and at most 1", ...
std::string bounds_text(const ParameterSchema& p) {
    if (p.min && p.max) return "between " + number(*p.min) + " and " + number(*p.max);
    std::string low, high;
    if (p.min) low = "at least " + number(*p.min);
    if (p.above) low = "> " + number(*p.above);
    if (p.max) high = "at most " + number(*p.max);
    if (p.below) high = "< " + number(*p.below);
    return low.empty() || high.empty() ? low + high : low + " and " + high;
}

}  // namespace

std::string ParameterSchema::type_text() const {
    const std::string name = [&]() -> std::string {
        switch (type) {
            case ParameterType::boolean: return "bool";
            case ParameterType::integer: return "int";
            case ParameterType::real: return "float";
            case ParameterType::string: return "string";
            case ParameterType::path: return "path";
            case ParameterType::enumeration: return "enum";
            case ParameterType::table: return "table";
            case ParameterType::component: return "component<" + iface + ">";
        }
        return "";
    }();
    return is_list ? "list<" + name + ">" : name;
}

std::string ParameterSchema::constraint_text() const {
    std::vector<std::string> parts;
    if (!choices.empty()) parts.push_back("one of: " + joined(choices));
    if (const std::string bounds = bounds_text(*this); !bounds.empty()) parts.push_back(bounds);
    if (multiple_of) parts.push_back("a multiple of " + number(*multiple_of));
    return joined(parts);
}

std::string ParameterSchema::default_text() const {
    if (const auto* scalar = std::get_if<Scalar>(&fallback)) return std::visit(ScalarText{}, *scalar);
    if (const auto* list = std::get_if<std::vector<Scalar>>(&fallback)) {
        std::vector<std::string> texts;
        for (const Scalar& scalar : *list) texts.push_back(std::visit(ScalarText{}, scalar));
        return "[" + joined(texts) + "]";
    }
    return "";
}

std::string_view ComponentInfo::short_name() const {
    const std::string_view text = id;
    return text.substr(text.rfind('.') + 1);  // npos + 1 is 0
}

std::string_view ComponentInfo::kind() const {
    const std::string_view text = iface;
    return text.substr(text.rfind('.') + 1);
}

}  // namespace dvhost::registry

#include "registry/note_toml.hpp"

#include "registry/printable.hpp"

#include <algorithm>
#include <set>

namespace dvhost::registry {
namespace {

bool well_formed_parameter_name(std::string_view name) {
    return !name.empty() && name.size() <= 128 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
}

/// "text<inner>" -> "inner"; nullopt when it is not of that form.
std::optional<std::string_view> inside(std::string_view text, std::string_view outer) {
    if (!text.starts_with(outer) || text.size() < outer.size() + 2) return std::nullopt;
    if (text[outer.size()] != '<' || text.back() != '>') return std::nullopt;
    return text.substr(outer.size() + 1, text.size() - outer.size() - 2);
}

void read_type(std::string_view text, ParameterSchema& out, const std::string& name) {
    const std::string_view whole = text;
    if (const auto element = inside(text, "list")) {
        out.is_list = true;
        text = *element;
    }
    if (const auto iface = inside(text, "component")) {
        if (!well_formed_id(*iface, 2))
            throw NameError(name + ": '" + std::string(*iface) + "' is not an interface id");
        out.type = ParameterType::component;
        out.iface = *iface;
        return;
    }
    constexpr std::pair<std::string_view, ParameterType> known[] = {
        {"bool", ParameterType::boolean},  {"int", ParameterType::integer}, {"float", ParameterType::real},
        {"string", ParameterType::string}, {"path", ParameterType::path},   {"enum", ParameterType::enumeration},
        {"table", ParameterType::table},
    };
    const auto found = std::find_if(std::begin(known), std::end(known), [&](const auto& k) { return k.first == text; });
    if (found == std::end(known)) {
        throw NoteError(name + ": type '" + std::string(whole) +
                        "' is not known to this host (bool, int, float, string, path, enum, table, component<iface>, "
                        "list<...> of one of these)");
    }
    out.type = found->second;
}

/// Of an enum: a choice that a manifest writes without quotes.
bool names_bool(std::string_view choice) { return choice == "true" || choice == "false"; }

/// A default as the parameter's type wants it: an integer is welcome where a float is expected.
Scalar read_scalar(const toml::node& node, const ParameterSchema& p, const std::string& name) {
    switch (p.type) {
        case ParameterType::boolean:
            if (node.is_boolean()) return node.as_boolean()->get();
            break;
        case ParameterType::integer:
            if (node.is_integer()) return node.as_integer()->get();
            break;
        case ParameterType::real:
            if (node.is_integer()) return static_cast<double>(node.as_integer()->get());
            if (node.is_floating_point()) return node.as_floating_point()->get();
            break;
        case ParameterType::table: break;
        case ParameterType::enumeration:
            if (node.is_boolean()) return node.as_boolean()->get();
            if (node.is_string() && names_bool(node.as_string()->get())) return node.as_string()->get() == "true";
            [[fallthrough]];
        default:
            if (node.is_string()) return printable(node.as_string()->get());
    }
    throw NoteError(name + ": the default is " + type_name(node) + ", but the type is " + p.type_text());
}

DefaultValue read_default(const toml::node& node, const ParameterSchema& p, const std::string& name) {
    if (!p.is_list) return read_scalar(node, p, name);
    if (!node.is_array()) {
        throw NoteError(name + ": the default is " + type_name(node) + ", but the type is " + p.type_text());
    }
    std::vector<Scalar> values;
    for (const toml::node& element : *node.as_array()) values.push_back(read_scalar(element, p, name));
    return values;
}

std::optional<double> number_of(const toml::table& table, std::string_view key, const std::string& name) {
    const toml::node* node = table.get(key);
    if (!node) return std::nullopt;
    if (node->is_integer()) return static_cast<double>(node->as_integer()->get());
    if (node->is_floating_point()) return node->as_floating_point()->get();
    throw NoteError(name + ": '" + std::string(key) + "' is " + type_name(*node) + ", expected a number");
}

bool flag_of(const toml::table& table, std::string_view key, const std::string& name) {
    const toml::node* node = table.get(key);
    if (!node) return false;
    if (node->is_boolean()) return node->as_boolean()->get();
    throw NoteError(name + ": '" + std::string(key) + "' is " + type_name(*node) + ", expected a bool");
}

std::vector<std::string> choices_of(const toml::table& table, const std::string& name) {
    const toml::node* node = table.get("choices");
    std::vector<std::string> choices;
    if (!node) return choices;
    if (!node->is_array()) throw NoteError(name + ": 'choices' is " + type_name(*node) + ", expected a list");
    for (const toml::node& choice : *node->as_array()) {
        if (!choice.is_string()) throw NoteError(name + ": a choice is " + type_name(choice) + ", expected a string");
        choices.push_back(printable(choice.as_string()->get()));
    }
    return choices;
}

ParameterSchema read_parameter(const toml::table& table, const std::string& note_name) {
    ParameterSchema p;
    p.name = text_of(table, "name", note_name + ", a [[param]]");
    if (!well_formed_parameter_name(p.name)) {
        throw NameError(note_name + ": '" + p.name + "' is not a parameter name (letters, digits, _ and -)");
    }
    const std::string name = note_name + ", parameter '" + p.name + "'";
    read_type(text_of(table, "type", name), p, name);
    p.doc = optional_text_of(table, "doc", name);
    p.required = flag_of(table, "required", name);
    p.optional = flag_of(table, "optional", name);
    p.secret = flag_of(table, "secret", name);
    p.min = number_of(table, "min", name), p.max = number_of(table, "max", name);
    p.above = number_of(table, "above", name), p.below = number_of(table, "below", name);
    p.multiple_of = number_of(table, "multiple_of", name);
    p.choices = choices_of(table, name);
    p.unit = optional_text_of(table, "unit", name), p.since = optional_text_of(table, "since", name);
    p.deprecated = optional_text_of(table, "deprecated", name);
    p.replace_with = optional_text_of(table, "replace_with", name);
    p.nested = read_parameters(table, name);
    if (const toml::node* fallback = table.get("default")) p.fallback = read_default(*fallback, p, name);
    if (p.type == ParameterType::enumeration && p.choices.empty()) {
        throw NoteError(name + ": an enum without 'choices'");
    }
    if (p.type != ParameterType::table && !p.nested.empty()) {
        throw NoteError(name + ": parameters of its own, but the type is " + p.type_text());
    }
    return p;
}

}  // namespace

std::vector<ParameterSchema> read_parameters(const toml::table& table, const std::string& name) {
    const toml::node* node = table.get("param");
    std::vector<ParameterSchema> out;
    if (!node) return out;
    if (!node->is_array()) throw NoteError(name + ": 'param' is " + type_name(*node) + ", expected [[param]] tables");
    std::set<std::string> seen;
    for (const toml::node& element : *node->as_array()) {
        if (!element.is_table()) throw NoteError(name + ": a 'param' is " + type_name(element) + ", expected a table");
        out.push_back(read_parameter(*element.as_table(), name));
        if (!seen.insert(out.back().name).second) {
            throw NoteError(name + ": parameter '" + out.back().name + "' is declared twice");
        }
    }
    return out;
}

}  // namespace dvhost::registry

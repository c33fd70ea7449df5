#include <dv/testing/library.hpp>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace dv::testing {
namespace {

std::string text_of(const Value& table, std::string_view key) {
    const Value* found = table.get(key);
    const auto* text = found ? found->as<std::string>() : nullptr;
    return text ? *text : std::string();
}

bool flag_of(const Value& table, std::string_view key) {
    const Value* found = table.get(key);
    return found && found->as<bool>() && *found->as<bool>();
}

std::optional<double> number_of(const Value& table, std::string_view key) {
    const Value* found = table.get(key);
    return found ? std::optional(found->number()) : std::nullopt;
}

std::vector<ParameterNote> parameters_of(const Value& table) {
    std::vector<ParameterNote> out;
    const Value* found = table.get("param");
    if (!found) return out;
    for (const Value& element : *found->as<Value::List>()) {
        ParameterNote p;
        p.name = text_of(element, "name");
        p.type = text_of(element, "type");
        p.doc = text_of(element, "doc");
        if (const Value* fallback = element.get("default")) p.fallback = *fallback;
        p.required = flag_of(element, "required");
        p.optional = flag_of(element, "optional");
        p.min = number_of(element, "min"), p.max = number_of(element, "max");
        p.above = number_of(element, "above"), p.below = number_of(element, "below");
        p.multiple_of = number_of(element, "multiple_of");
        if (const Value* choices = element.get("choices")) {
            for (const Value& choice : *choices->as<Value::List>()) p.choices.push_back(*choice.as<std::string>());
        }
        p.nested = parameters_of(element);
        out.push_back(std::move(p));
    }
    return out;
}

[[noreturn]] void refuse(const std::string& where, const std::string& problem) {
    throw std::invalid_argument(where + ": " + problem);
}

std::string names_of(const std::vector<ParameterNote>& parameters) {
    std::string names;
    for (const ParameterNote& p : parameters) names += (names.empty() ? "" : ", ") + p.name;
    return names.empty() ? "none" : names;
}

bool belongs_to_host(std::string_view key) { return key == "type" || key == "required" || key == "max_errors"; }

void check_bounds(const ParameterNote& p, double value, const std::string& where) {
    const bool inside = !(p.min && value < *p.min) && !(p.max && value > *p.max) && !(p.above && value <= *p.above) &&
                        !(p.below && value >= *p.below) &&
                        !(p.multiple_of && std::remainder(value, *p.multiple_of) != 0.0);
    if (!inside) refuse(where, std::to_string(value) + " is out of the declared range");
}

void check_element(const ParameterNote& p, Value& value, const std::string& where) {
    const std::string type = p.element_type();
    const dv_kind kind = value.kind();
    if (type == "table") {
        if (kind != DV_KIND_TABLE) refuse(where, "must be a table");
        return check_and_complete(p.nested, value, where);
    }
    if (!p.nested_iface().empty()) {
        if (kind == DV_KIND_STRING) value = Config{{"type", value}};
        if (kind != DV_KIND_STRING && kind != DV_KIND_TABLE) refuse(where, "must be a table with `type`");
        return;
    }
    const bool fits = type == "bool"    ? kind == DV_KIND_BOOL
                      : type == "int"   ? kind == DV_KIND_INT
                      : type == "float" ? kind == DV_KIND_INT || kind == DV_KIND_FLOAT
                      : type == "enum"  ? kind == DV_KIND_STRING || kind == DV_KIND_BOOL
                                        : kind == DV_KIND_STRING;
    if (!fits) refuse(where, "must be of type " + type);
    if (kind == DV_KIND_INT || kind == DV_KIND_FLOAT) check_bounds(p, value.number(), where);
    if (p.choices.empty() || (kind != DV_KIND_STRING && kind != DV_KIND_BOOL)) return;
    const std::string text = kind == DV_KIND_STRING ? *value.as<std::string>() : *value.as<bool>() ? "true" : "false";
    if (std::ranges::find(p.choices, text) == p.choices.end()) refuse(where, "'" + text + "' is none of the choices");
}

void check_value(const ParameterNote& p, Value& value, const std::string& where) {
    if (!p.is_list()) return check_element(p, value, where);
    auto* elements = value.as<Value::List>();
    if (!elements) refuse(where, "must be a list");
    for (std::size_t i = 0; i < elements->size(); ++i) {
        check_element(p, (*elements)[i], where + "[" + std::to_string(i) + "]");
    }
}

/// What stands for a parameter that is not given, where the component's own default is not enough.
void complete(const ParameterNote& p, Value& table, const std::string& where) {
    if (p.required) refuse(where, "is required");
    if (p.is_list()) return;
    if (!p.nested_iface().empty() && p.fallback) table.set(p.name, Config{{"type", *p.fallback}});
    if (p.type == "table" && !p.optional) {
        Config nested;
        check_and_complete(p.nested, nested, where);
        if (nested != Config()) table.set(p.name, nested);
    }
}

}  // namespace

std::string ParameterNote::element_type() const { return is_list() ? type.substr(5, type.size() - 6) : type; }

std::string ParameterNote::nested_iface() const {
    const std::string element = element_type();
    return element.starts_with("component<") ? element.substr(10, element.size() - 11) : std::string();
}

std::string_view ComponentNote::short_name() const { return std::string_view(id).substr(id.rfind('.') + 1); }

ComponentNote read_component_note(std::string_view text) {
    const Config table = Config::parse(text);
    ComponentNote note;
    note.iface = text_of(table, "iface");
    note.id = text_of(table, "id");
    note.doc = text_of(table, "doc");
    note.iface_version = static_cast<std::int64_t>(number_of(table, "iface_version").value_or(0));
    note.parameters = parameters_of(table);
    if (note.iface.empty() || note.id.empty()) throw std::invalid_argument("a component's note lacks iface or id");
    return note;
}

void check_and_complete(const std::vector<ParameterNote>& parameters, Value& table, const std::string& where) {
    for (Entry& entry : *table.as<Value::Table>()) {
        const auto p = std::ranges::find(parameters, entry.key, &ParameterNote::name);
        const std::string place = where + "." + entry.key;
        if (p != parameters.end()) {
            check_value(*p, entry.value, place);
        } else if (!belongs_to_host(entry.key)) {
            refuse(place, "no such parameter; there are: " + names_of(parameters));
        }
    }
    for (const ParameterNote& p : parameters) {
        if (!table.get(p.name)) complete(p, table, where + "." + p.name);
    }
}

}  // namespace dv::testing

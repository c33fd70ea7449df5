#include "flat_config.hpp"

#include "number_text.hpp"
#include "utf8.hpp"

#include <dv/binding.hpp>
#include <dv/error.hpp>

#include <type_traits>

namespace loggers::wire {

namespace {

using Scalar = decltype(FlatValue::value);

template <class T>
T read(dv_status (*as)(const dv_node*, T*), const dv_node* node) {
    T value{};
    if (as(node, &value) != DV_OK) throw dv::Error("the host could not read a value of the manifest as what it is");
    return value;
}

Scalar scalar_of(const dv_config& config, const dv_node* node) {
    switch (config.kind(node)) {
        case DV_KIND_BOOL: return read(config.as_bool, node) != 0;
        case DV_KIND_INT: return read(config.as_int, node);
        case DV_KIND_FLOAT: return read(config.as_float, node);
        case DV_KIND_STRING: return valid_utf8(dv::detail::view(read(config.as_string, node)));
        default: return std::string();  // a kind of a newer host
    }
}

std::string text_of(const Scalar& scalar) {
    return std::visit(
        [](const auto& value) -> std::string {
            using T = std::decay_t<decltype(value)>;
            if constexpr (std::is_same_v<T, bool>) {
                return value ? "true" : "false";
            } else if constexpr (std::is_same_v<T, std::string>) {
                return value;
            } else {
                std::string out;
                append_number(out, value);
                return out;
            }
        },
        scalar);
}

bool is_nested(const dv_config& config, const dv_node* node) {
    return config.kind(node) == DV_KIND_TABLE || config.kind(node) == DV_KIND_LIST;
}

bool holds_tables(const dv_config& config, const dv_node* list) {
    for (std::uint64_t i = 0, n = config.count(list); i < n; ++i) {
        if (is_nested(config, config.item(list, i))) return true;
    }
    return false;
}

std::string list_text(const dv_config& config, const dv_node* list) {
    std::string out = "[";
    for (std::uint64_t i = 0, n = config.count(list); i < n; ++i) {
        if (i != 0) out += ", ";
        out += text_of(scalar_of(config, config.item(list, i)));
    }
    return out + "]";
}

void walk(const dv_config& config, const dv_node* node, const std::string& name, std::vector<FlatValue>& out) {
    const bool table = config.kind(node) == DV_KIND_TABLE;
    if (!is_nested(config, node)) {
        out.push_back({name, scalar_of(config, node)});
    } else if (!table && !holds_tables(config, node)) {
        out.push_back({name, list_text(config, node)});
    } else if (config.count(node) == 0) {
        if (!name.empty()) out.push_back({name, std::string("{}")});
    } else {
        for (std::uint64_t i = 0, n = config.count(node); i < n; ++i) {
            const std::string key = table ? valid_utf8(dv::detail::view(config.key(node, i))) : std::to_string(i);
            walk(config, config.item(node, i), name.empty() ? key : name + '/' + key, out);
        }
    }
}

}  // namespace

std::vector<FlatValue> flatten(const dv_config& config) {
    std::vector<FlatValue> out;
    walk(config, config.root, "", out);
    return out;
}

std::string text_of(const FlatValue& value) { return text_of(value.value); }

}  // namespace loggers::wire

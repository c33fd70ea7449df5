#include "config_json.hpp"

#include <dv/binding.hpp>
#include <dv/error.hpp>

#include <cmath>

namespace loggers::wire {

namespace {

using Json = nlohmann::ordered_json;

template <class T>
T read(dv_status (*as)(const dv_node*, T*), const dv_node* node) {
    T value{};
    if (as(node, &value) != DV_OK) throw dv::Error("the host could not read a value of the manifest as what it is");
    return value;
}

Json object_of(const dv_config& config, const dv_node* table) {
    Json out = Json::object();
    for (std::uint64_t i = 0, n = config.count(table); i < n; ++i) {
        out[std::string(dv::detail::view(config.key(table, i)))] = json_of(config, config.item(table, i));
    }
    return out;
}

Json array_of(const dv_config& config, const dv_node* list) {
    Json out = Json::array();
    for (std::uint64_t i = 0, n = config.count(list); i < n; ++i) out.push_back(json_of(config, config.item(list, i)));
    return out;
}

}  // namespace

Json json_of(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return value;
}

Json json_of(const dv_config& config, const dv_node* node) {
    switch (config.kind(node)) {
        case DV_KIND_BOOL: return read(config.as_bool, node) != 0;
        case DV_KIND_INT: return read(config.as_int, node);
        case DV_KIND_FLOAT: return json_of(read(config.as_float, node));
        case DV_KIND_STRING: return std::string(dv::detail::view(read(config.as_string, node)));
        case DV_KIND_LIST: return array_of(config, node);
        case DV_KIND_TABLE: return object_of(config, node);
        default: return nullptr;  // a kind of a newer host
    }
}

std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string quoted(std::string_view text) { return dump(Json(std::string(text))); }

}  // namespace loggers::wire

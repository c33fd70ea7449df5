#include "compose/config_view.hpp"

namespace dvhost::compose {

using manifest::Node;

namespace {

const dv_node* handle(const Node* node) { return reinterpret_cast<const dv_node*>(node); }
const Node& behind(const dv_node* node) { return *reinterpret_cast<const Node*>(node); }
std::string_view view(dv_str s) { return {s.p, s.n}; }
dv_str borrow(std::string_view s) { return {s.data(), s.size()}; }

std::int32_t kind(const dv_node* node) noexcept {
    const Node& n = behind(node);
    if (n.is_bool()) return DV_KIND_BOOL;
    if (n.is_int()) return DV_KIND_INT;
    if (n.is_float()) return DV_KIND_FLOAT;
    if (n.is_string()) return DV_KIND_STRING;
    return n.is_list() ? DV_KIND_LIST : DV_KIND_TABLE;
}

const dv_node* get(const dv_node* table, dv_str key) noexcept {
    return behind(table).is_table() ? handle(behind(table).find(view(key))) : nullptr;
}

std::uint64_t count(const dv_node* node) noexcept {
    const Node& n = behind(node);
    return n.is_list() ? n.as_list().size() : n.is_table() ? n.as_table().size() : 0;
}

const dv_node* item(const dv_node* node, std::uint64_t i) noexcept {
    if (i >= count(node)) return nullptr;
    const Node& n = behind(node);
    return handle(n.is_list() ? &n.as_list()[i] : &n.as_table()[i].value);
}

dv_str key(const dv_node* table, std::uint64_t i) noexcept {
    const Node& n = behind(table);
    return n.is_table() && i < n.as_table().size() ? borrow(n.as_table()[i].key) : dv_str{"", 0};
}

dv_status as_bool(const dv_node* node, std::int32_t* out) noexcept {
    if (!behind(node).is_bool()) return DV_WRONG_TYPE;
    *out = behind(node).as_bool() ? 1 : 0;
    return DV_OK;
}

dv_status as_int(const dv_node* node, std::int64_t* out) noexcept {
    if (!behind(node).is_int()) return DV_WRONG_TYPE;
    *out = behind(node).as_int();
    return DV_OK;
}

dv_status as_float(const dv_node* node, double* out) noexcept {
    if (!behind(node).is_number()) return DV_WRONG_TYPE;
    *out = behind(node).as_number();
    return DV_OK;
}

/// An enum may have the choices true and false, so a bool is a text, too (as an int is a number).
dv_status as_string(const dv_node* node, dv_str* out) noexcept {
    const Node& n = behind(node);
    if (!n.is_string() && !n.is_bool()) return DV_WRONG_TYPE;
    *out = n.is_string() ? borrow(n.as_string()) : borrow(n.as_bool() ? "true" : "false");
    return DV_OK;
}

void where(const dv_node* node, dv_where* out) noexcept {
    const manifest::Source& source = behind(node).source();
    out->line = source.line;
    out->column = source.column;
    out->origin = borrow(source.origin);
}

}  // namespace

dv_config config_view(const Node& table) {
    return {sizeof(dv_config), 0, handle(&table), kind, get, count, item, key, as_bool, as_int, as_float, as_string, where};
}

const Node& node_behind(const dv_node* node) { return behind(node); }

}  // namespace dvhost::compose

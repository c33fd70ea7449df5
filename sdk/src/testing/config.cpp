#include <dv/testing/config.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace dv::testing {

Value::Value(List elements) : data_(std::move(elements)) {}
Value::Value(Table entries) : data_(std::move(entries)) {}
Value::Value(const Value& other) = default;
Value::Value(Value&& other) noexcept = default;
Value& Value::operator=(Value other) noexcept {
    data_ = std::move(other.data_);
    return *this;
}
Value::~Value() = default;
bool Value::operator==(const Value& other) const { return data_ == other.data_; }

dv_kind Value::kind() const { return static_cast<dv_kind>(data_.index() + DV_KIND_BOOL); }

double Value::number() const {
    if (const auto* integer = as<std::int64_t>()) return static_cast<double>(*integer);
    if (const auto* real = as<double>()) return *real;
    throw std::invalid_argument("a value was asked for as a number and is none");
}

const Value* Value::get(std::string_view key) const {
    const auto* table = as<Table>();
    if (!table) return nullptr;
    const auto found = std::ranges::find(*table, key, &Entry::key);
    return found == table->end() ? nullptr : &found->value;
}

Value* Value::get(std::string_view key) { return const_cast<Value*>(std::as_const(*this).get(key)); }

void Value::set(std::string_view key, Value value) {
    auto* table = as<Table>();
    if (!table) throw std::invalid_argument("'" + std::string(key) + "' cannot be set in a value that is no table");
    if (Value* there = get(key)) {
        *there = std::move(value);
    } else {
        table->push_back({std::string(key), std::move(value)});
    }
}

Config::Config(Value table) : Value(std::move(table)) {
    if (kind() != DV_KIND_TABLE) throw std::invalid_argument("a configuration must be a table");
}

namespace {

dv_str lend(const std::string& text) { return {text.data(), text.size()}; }

template <class T, class Out>
dv_status copy_out(const dv_node* node, Out* out) {
    const T* value = value_of(node).as<T>();
    if (!value) return DV_WRONG_TYPE;
    *out = static_cast<Out>(*value);
    return DV_OK;
}

dv_status as_float(const dv_node* node, double* out) {
    const Value& value = value_of(node);
    if (value.kind() != DV_KIND_INT && value.kind() != DV_KIND_FLOAT) return DV_WRONG_TYPE;
    *out = value.number();
    return DV_OK;
}

dv_status as_string(const dv_node* node, dv_str* out) {
    const Value& value = value_of(node);
    if (const auto* flag = value.as<bool>()) {  // a choice of an enum
        *out = *flag ? dv_str{"true", 4} : dv_str{"false", 5};
        return DV_OK;
    }
    const auto* text = value.as<std::string>();
    if (!text) return DV_WRONG_TYPE;
    *out = lend(*text);
    return DV_OK;
}

const dv_node* get(const dv_node* table, dv_str key) {
    const Value* found = value_of(table).get({key.p, key.n});
    return found ? node_of(*found) : nullptr;
}

std::uint64_t count(const dv_node* node) {
    const Value& value = value_of(node);
    if (const auto* list = value.as<Value::List>()) return list->size();
    if (const auto* table = value.as<Value::Table>()) return table->size();
    return 0;
}

const dv_node* item(const dv_node* node, std::uint64_t i) {
    if (i >= count(node)) return nullptr;
    const Value& value = value_of(node);
    if (const auto* list = value.as<Value::List>()) return node_of((*list)[i]);
    return node_of((*value.as<Value::Table>())[i].value);
}

dv_str key(const dv_node* node, std::uint64_t i) {
    const auto* table = value_of(node).as<Value::Table>();
    return table && i < table->size() ? lend((*table)[i].key) : dv_str{"", 0};
}

void where(const dv_node*, dv_where* out) {
    constexpr std::string_view origin = "test";
    out->line = out->column = 0;
    out->origin = {origin.data(), origin.size()};
}

}  // namespace

dv_config config_of(const Value& root) {
    return {
        .size = sizeof(dv_config),
        .reserved = 0,
        .root = node_of(root),
        .kind = [](const dv_node* node) -> std::int32_t { return value_of(node).kind(); },
        .get = get,
        .count = count,
        .item = item,
        .key = key,
        .as_bool = copy_out<bool, std::int32_t>,
        .as_int = copy_out<std::int64_t, std::int64_t>,
        .as_float = as_float,
        .as_string = as_string,
        .where = where,
    };
}

}  // namespace dv::testing

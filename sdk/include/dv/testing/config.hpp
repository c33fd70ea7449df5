#pragma once
/// Configuration for components under test: a small tree of values, as the host would hand it over.
///
///     Config{{"path", "out.csv"}, {"every", 10}, {"recurrence", Config{{"type", "full"}, {"kernel", 3}}}}
///     Config{{"betas", list(0.9, 0.999)}, {"groups", list(Config{{"match", "*.bias"}, {"lr_factor", 0.5}})}}
///     Config::parse(R"(every = 10, recurrence = { type = "full" })")

#include <dv/abi.h>

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace dv::testing {

struct Entry;

/// A bool, an integer, a number, a text, a list or a table whose keys keep their order.
class Value {
public:
    using List = std::vector<Value>;
    using Table = std::vector<Entry>;

    Value(bool value) : data_(value) {}
    template <std::integral I>
    requires(!std::same_as<I, bool>) Value(I value) : data_(static_cast<std::int64_t>(value)) {}
    template <std::floating_point F>
    Value(F value) : data_(static_cast<double>(value)) {}
    Value(const char* text) : data_(std::string(text)) {}
    Value(std::string_view text) : data_(std::string(text)) {}
    Value(std::string text) : data_(std::move(text)) {}
    Value(const std::filesystem::path& path) : data_(path.string()) {}
    Value(List elements);
    Value(Table entries);
    Value(const Value& other);
    Value(Value&& other) noexcept;
    Value& operator=(Value other) noexcept;
    ~Value();

    dv_kind kind() const;
    /// The value as what it is; null when it is something else.
    template <class T>
    const T* as() const {
        return std::get_if<T>(&data_);
    }
    template <class T>
    T* as() {
        return std::get_if<T>(&data_);
    }
    /// An integer or a number. Throws std::invalid_argument when it is neither.
    double number() const;

    /// Of a table: null when there is no such key, or this is no table.
    const Value* get(std::string_view key) const;
    Value* get(std::string_view key);
    /// Of a table: replaces or appends. Throws std::invalid_argument when this is no table.
    void set(std::string_view key, Value value);

    bool operator==(const Value& other) const;

private:
    std::variant<bool, std::int64_t, double, std::string, List, Table> data_;
};

struct Entry {
    std::string key;
    Value value;
    bool operator==(const Entry&) const = default;
};

template <class... Elements>
Value list(Elements&&... elements) {
    return Value(Value::List{Value(std::forward<Elements>(elements))...});
}

/// A table.
class Config : public Value {
public:
    Config() : Value(Table{}) {}
    Config(std::initializer_list<Entry> entries) : Value(Table(entries)) {}
    /// A table that is a Value; throws std::invalid_argument when it is something else.
    explicit Config(Value table);

    /// The part of TOML that configurations are made of, and JSON: `key = value` pairs separated by commas or new
    /// lines, with or without braces around them; `[table]` and `[[list of tables]]` headers; comments. Throws
    /// std::invalid_argument that names line and column.
    static Config parse(std::string_view text);
};

/// One value: `0.1`, `"adam"`, `[1, 2]`, `{ type = "full" }`. Throws std::invalid_argument.
Value parse_value(std::string_view text);

/// The host's view of `root`, which must outlive its use.
dv_config config_of(const Value& root);

inline const dv_node* node_of(const Value& value) { return reinterpret_cast<const dv_node*>(&value); }
inline const Value& value_of(const dv_node* node) { return *reinterpret_cast<const Value*>(node); }

}  // namespace dv::testing

#pragma once
/// A manifest as a value: a tree that remembers where each of its values came from.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace dvhost::manifest {

/// Where a value (or a key) was written.
struct Source {
    enum class Kind { file, command_line, environment, fallback };
    Kind kind = Kind::fallback;
    std::string origin;        ///< file: its path as the user wrote it; command_line: the -o text; environment: the variable
    std::uint32_t line = 0;    ///< 1-based; 0 when it has no place in a file
    std::uint32_t column = 0;

    /// "configs/x.toml:14:1", "command line (-o trainer.max_epochs=3)", "environment (DVHOST_TRAINER_MAX_EPOCHS)", "default".
    std::string text() const;
};

class Node;

struct Member;  // key + value

/// Bool, integer, float, string, list or table. A value type: copying copies the tree.
class Node {
public:
    using List = std::vector<Node>;
    /// In the order of the file.
    using Table = std::vector<Member>;
    using Value = std::variant<bool, std::int64_t, double, std::string, List, Table>;

    Node();  ///< an empty table
    Node(Value value, Source source);

    bool is_bool() const { return std::holds_alternative<bool>(value_); }
    bool is_int() const { return std::holds_alternative<std::int64_t>(value_); }
    bool is_float() const { return std::holds_alternative<double>(value_); }
    bool is_number() const { return is_int() || is_float(); }
    bool is_string() const { return std::holds_alternative<std::string>(value_); }
    bool is_list() const { return std::holds_alternative<List>(value_); }
    bool is_table() const { return std::holds_alternative<Table>(value_); }

    /// Preconditions: the node is of that type.
    bool as_bool() const { return std::get<bool>(value_); }
    std::int64_t as_int() const { return std::get<std::int64_t>(value_); }
    double as_number() const { return is_int() ? static_cast<double>(as_int()) : std::get<double>(value_); }
    const std::string& as_string() const { return std::get<std::string>(value_); }
    const List& as_list() const { return std::get<List>(value_); }
    List& as_list() { return std::get<List>(value_); }
    const Table& as_table() const { return std::get<Table>(value_); }
    Table& as_table() { return std::get<Table>(value_); }

    /// "a bool", "an integer", "a float", "a string", "a list", "a table"; for messages.
    std::string_view type_name() const;

    const Value& value() const { return value_; }
    const Source& source() const { return source_; }
    void set_source(Source source) { source_ = std::move(source); }

    /// Table only: the value under `key`, or null.
    const Node* find(std::string_view key) const;
    Node* find(std::string_view key);
    /// Table only: the place of the key itself (for "unknown key" messages); null when absent.
    const Source* key_source(std::string_view key) const;
    /// Table only: sets or replaces, keeping the key's position when it exists.
    Node& set(std::string key, Node value);
    Node& set(std::string key, Node value, Source key_source);
    /// Table only: removes the key if it is there.
    void erase(std::string_view key);

private:
    Value value_;
    Source source_;
};

struct Member {
    std::string key;
    Source key_source;
    Node value;
};

/// The node at a dotted path ("model.layer.0.conv"), or null.
const Node* find_path(const Node& root, std::string_view path);

}  // namespace dvhost::manifest

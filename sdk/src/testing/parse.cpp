#include <dv/testing/config.hpp>

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>

namespace dv::testing {
namespace {

/// Recursive descent over one text. Accepts what TOML and JSON have in common and both ways of writing pairs.
class Reader {
public:
    explicit Reader(std::string_view text) : text_(text) {}

    Value whole_value() {
        skip_space();
        Value value = any();
        end();
        return value;
    }

    Config whole_table() {
        skip_space();
        Config root;
        if (peek() == '{') {
            root = Config(any());
        } else {
            pairs_and_headers(root);
        }
        end();
        return root;
    }

private:
    [[noreturn]] void fail(const std::string& expected) const {
        std::size_t line = 1, column = 1;
        for (std::size_t i = 0; i < at_; ++i) {
            if (text_[i] == '\n') {
                ++line, column = 1;
            } else {
                ++column;
            }
        }
        const std::string found = at_ < text_.size() ? quote(text_[at_]) : "the end";
        throw std::invalid_argument("configuration " + std::to_string(line) + ":" + std::to_string(column) +
                                    ": expected " + expected + ", found " + found);
    }

    static std::string quote(char c) { return {'\'', c, '\''}; }
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    bool at_end() const { return at_ >= text_.size(); }
    bool take(char c) {
        if (peek() != c) return false;
        ++at_;
        return true;
    }
    void need(char c) {
        if (!take(c)) fail(quote(c));
    }
    void end() {
        skip_space();
        if (!at_end()) fail("nothing more");
    }

    /// Blanks, new lines and comments. True when there was a new line.
    bool skip_space() {
        bool new_line = false;
        while (!at_end()) {
            if (peek() == '#') {
                while (!at_end() && peek() != '\n') ++at_;
            } else if (std::string_view(" \t\r\n").find(peek()) != std::string_view::npos) {
                new_line |= peek() == '\n';
                ++at_;
            } else {
                break;
            }
        }
        return new_line;
    }

    static bool is_word(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
               c == '+' || c == '.';
    }

    std::string_view word() {
        const std::size_t start = at_;
        while (is_word(peek())) ++at_;
        return text_.substr(start, at_ - start);
    }

    Value any() {
        if (peek() == '"' || peek() == '\'') return Value(quoted());
        if (peek() == '[') return list_value();
        if (peek() == '{') return table_value();
        const std::size_t start = at_;
        const std::string_view found = word();
        if (found == "true" || found == "false") return Value(found == "true");
        if (const auto value = number(found)) return *value;
        at_ = start;
        fail("a value");
    }

    static std::optional<Value> number(std::string_view digits) {
        std::string plain;
        for (char c : digits) {
            if (c != '_') plain += c;
        }
        const bool negative = plain.starts_with('-');
        if (negative || plain.starts_with('+')) plain.erase(0, 1);
        if (plain.empty()) return std::nullopt;
        const double sign = negative ? -1.0 : 1.0;
        if (plain == "inf") return Value(sign * std::numeric_limits<double>::infinity());
        if (plain == "nan") return Value(std::nan(""));
        const char* first = plain.data();
        const char* last = first + plain.size();
        std::uint64_t integer = 0;
        if (auto [p, e] = std::from_chars(first, last, integer); e == std::errc() && p == last) {
            return Value(static_cast<std::int64_t>(negative ? 0 - integer : integer));
        }
        double real = 0;
        if (auto [p, e] = std::from_chars(first, last, real); e == std::errc() && p == last) return Value(sign * real);
        return std::nullopt;
    }

    std::string quoted() {
        const char quote = text_[at_++];
        std::string out;
        while (peek() != quote) {
            if (at_end() || peek() == '\n') fail("the closing quote");
            char c = text_[at_++];
            if (c == '\\' && quote == '"') {
                const char escaped = peek();
                constexpr std::string_view from = "\"\\/nt", to = "\"\\/\n\t";
                const std::size_t which = from.find(escaped);
                if (which == std::string_view::npos) fail("one of \\\" \\\\ \\n \\t");
                c = to[which];
                ++at_;
            }
            out += c;
        }
        ++at_;
        return out;
    }

    Value list_value() {
        need('[');
        Value::List elements;
        for (skip_space(); !take(']'); skip_space()) {
            elements.push_back(any());
            skip_space();
            if (!take(',') && peek() != ']') fail("',' or ']'");
        }
        return Value(std::move(elements));
    }

    Value table_value() {
        need('{');
        Config table;
        for (skip_space(); !take('}'); skip_space()) {
            pair(table);
            skip_space();
            if (!take(',') && peek() != '}') fail("',' or '}'");
        }
        return table;
    }

    std::string key() {
        if (peek() == '"' || peek() == '\'') return quoted();
        const std::size_t start = at_;
        while (is_word(peek()) && peek() != '.' && peek() != '+') ++at_;
        if (at_ == start) fail("a key");
        return std::string(text_.substr(start, at_ - start));
    }

    void pair(Value& table) {
        Value* into = &table;
        std::string name = key();
        for (skip_space(); take('.'); skip_space()) {
            skip_space();
            into = &child(*into, name);
            name = key();
        }
        if (!take('=') && !take(':')) fail("'='");
        skip_space();
        if (into->get(name)) fail("'" + name + "' only once; it is set already, before");
        into->set(name, any());
    }

    Value& child(Value& table, const std::string& name) {
        if (!table.get(name)) table.set(name, Config());
        Value* found = table.get(name);
        if (auto* list = found->as<Value::List>(); list && !list->empty()) found = &list->back();
        if (found->kind() != DV_KIND_TABLE) fail("'" + name + "' to be a table, but it has a value; here");
        return *found;
    }

    /// `[a.b]` gives the table, `[[a.b]]` a new element of the list of tables.
    Value& header(Value& root) {
        need('[');
        const bool is_list = take('[');
        skip_space();
        Value* into = &root;
        std::string name = key();
        for (skip_space(); take('.'); skip_space()) {
            skip_space();
            into = &child(*into, name);
            name = key();
        }
        need(']');
        if (!is_list) return child(*into, name);
        need(']');
        if (!into->get(name)) into->set(name, Value(Value::List{}));
        auto* list = into->get(name)->as<Value::List>();
        if (!list) fail("'" + name + "' to be a list of tables; here");
        list->push_back(Config());
        return list->back();
    }

    void pairs_and_headers(Value& root) {
        Value* into = &root;
        bool separated = true;
        while (!at_end()) {
            if (!separated) fail("',' or a new line");
            if (peek() == '[') {
                into = &header(root);
            } else {
                pair(*into);
            }
            separated = skip_space();
            if (take(',')) separated = true, skip_space();
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

Config Config::parse(std::string_view text) { return Reader(text).whole_table(); }
Value parse_value(std::string_view text) { return Reader(text).whole_value(); }

}  // namespace dv::testing

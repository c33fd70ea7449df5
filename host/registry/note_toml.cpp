#include "registry/note_toml.hpp"

#include "registry/printable.hpp"

#include <algorithm>

namespace dvhost::registry {
namespace {

/// Follows just enough of TOML's syntax to bound how deep a parser would recurse: brackets and dots outside strings and
/// comments. Text that is not TOML may be measured wrongly, but never as shallower than its brackets.
class DepthMeter {
public:
    /// The first place at which the limit is passed, as "line L, column C"; "" when nowhere.
    std::string too_deep(std::string_view text) {
        for (std::size_t i = 0; i < text.size(); ++i) {
            i += skip_text(text.substr(i));
            if (i >= text.size()) break;
            step(text[i]);
            if (brackets_ > kMaxNoteNesting || dots_ >= kMaxNoteNesting) return place(text, i);
        }
        return "";
    }

private:
    void step(char c) {
        if (c == '[' || c == '{') ++brackets_;
        if ((c == ']' || c == '}') && brackets_ > 0) --brackets_;
        if (c == '.') {
            ++dots_;
        } else if (std::string_view(",=[]{}\n").find(c) != std::string_view::npos) {
            dots_ = 0;
        }
    }

    /// The length of the string or comment that begins here, less its last character; 0 when none does.
    static std::size_t skip_text(std::string_view rest) {
        if (rest[0] == '#') {
            const std::size_t end = rest.find('\n');
            return end == std::string_view::npos ? rest.size() : end;
        }
        if (rest[0] != '"' && rest[0] != '\'') return 0;
        const char quote = rest[0];
        const std::size_t n = rest.substr(0, 3) == std::string(3, quote) ? 3 : 1;
        const std::string closing(n, quote);
        for (std::size_t i = n; i < rest.size(); ++i) {
            if (quote == '"' && rest[i] == '\\') {
                ++i;
            } else if (rest.substr(i, n) == closing) {
                std::size_t last = i + n - 1;  // """ may be preceded by two quotes that belong to the text
                while (n == 3 && last < i + 4 && last + 1 < rest.size() && rest[last + 1] == quote) ++last;
                return last;
            } else if (n == 1 && rest[i] == '\n') {
                return 0;  // not closed on its line: an error for the parser, text as any other for us
            }
        }
        return n == 1 ? 0 : rest.size();
    }

    static std::string place(std::string_view text, std::size_t at) {
        const std::string_view before = text.substr(0, at);
        const auto line = 1 + std::count(before.begin(), before.end(), '\n');
        const std::size_t column = at - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
        return "line " + std::to_string(line) + ", column " + std::to_string(column);
    }

    int brackets_ = 0, dots_ = 0;
};

}  // namespace

toml::table parse_note(std::string_view text, const std::string& name) {
    if (const auto bad = first_invalid_utf8(text)) {
        throw NoteError(name + ": not UTF-8 at byte " + std::to_string(*bad));
    }
    if (const std::string place = DepthMeter().too_deep(text); !place.empty()) {
        throw NoteError(name + ", " + place + ": nested deeper than " + std::to_string(kMaxNoteNesting));
    }
    try {
        return toml::parse(text);
    } catch (const toml::parse_error& error) {
        const auto at = error.source().begin;
        throw NoteError(name + ", line " + std::to_string(at.line) + ", column " + std::to_string(at.column) + ": " +
                        printable(error.description()));
    }
}

std::string type_name(const toml::node& node) {
    switch (node.type()) {
        case toml::node_type::table: return "a table";
        case toml::node_type::array: return "a list";
        case toml::node_type::string: return "a string";
        case toml::node_type::integer: return "an integer";
        case toml::node_type::floating_point: return "a float";
        case toml::node_type::boolean: return "a bool";
        default: return "a date";
    }
}

std::string text_of(const toml::table& table, std::string_view key, const std::string& name) {
    const toml::node* node = table.get(key);
    if (!node) throw NoteError(name + ": '" + std::string(key) + "' is missing");
    if (!node->is_string()) {
        throw NoteError(name + ": '" + std::string(key) + "' is " + type_name(*node) + ", expected a string");
    }
    return printable(node->as_string()->get());
}

std::string optional_text_of(const toml::table& table, std::string_view key, const std::string& name) {
    return table.contains(key) ? text_of(table, key, name) : "";
}

std::int64_t integer_of(const toml::table& table, std::string_view key, const std::string& name) {
    const toml::node* node = table.get(key);
    if (!node) throw NoteError(name + ": '" + std::string(key) + "' is missing");
    if (!node->is_integer()) {
        throw NoteError(name + ": '" + std::string(key) + "' is " + type_name(*node) + ", expected an integer");
    }
    return node->as_integer()->get();
}

}  // namespace dvhost::registry

#include "manifest/parse.hpp"

#include "manifest/file_text.hpp"
#include "manifest/parser_guard.hpp"
#include "manifest/text.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <sstream>
#include <utility>

namespace dvhost::manifest {
namespace {

/// toml++'s tree to ours; what has no place in a manifest becomes a Problem.
class Conversion {
public:
    /// `fixed`: the Source of all nodes, when the text is not a file's.
    Conversion(const std::string& origin, const Source* fixed, std::vector<Problem>& problems)
        : origin_(origin), fixed_(fixed), problems_(problems) {}

    std::optional<Node> convert(const toml::node& node, std::size_t level) {
        const Source source = source_of(node.source());
        if (const auto* const table = node.as_table()) return converted_table(*table, source, level + 1);
        if (const auto* const list = node.as_array()) return converted_list(*list, source, level + 1);
        if (const auto* const text = node.as_string()) return Node(text->get(), source);
        if (const auto* const integer = node.as_integer()) return Node(integer->get(), source);
        if (const auto* const real = node.as_floating_point()) return Node(real->get(), source);
        if (const auto* const flag = node.as_boolean()) return Node(flag->get(), source);
        refuse_date(node, source);
        return std::nullopt;
    }

private:
    Source source_of(const toml::source_region& region) const {
        if (fixed_) return *fixed_;
        return {Source::Kind::file, origin_, region.begin.line, region.begin.column};
    }

    bool deep(std::size_t level, const Source& source) {
        if (level <= kDeepestNesting + 1) return false;  // the root is level 1
        problems_.push_back({source, too_deep_message()});
        return true;
    }

    std::optional<Node> converted_table(const toml::table& table, const Source& source, std::size_t level) {
        if (deep(level, source)) return std::nullopt;
        std::vector<std::pair<const toml::key*, const toml::node*>> in_order;  // toml++ sorts by name
        for (const auto& [key, value] : table) in_order.emplace_back(&key, &value);
        std::stable_sort(in_order.begin(), in_order.end(), [](const auto& a, const auto& b) {
            return a.first->source().begin < b.first->source().begin;
        });
        Node::Table members;
        for (const auto& [key, value] : in_order) {
            if (std::optional<Node> node = convert(*value, level)) {
                members.push_back({std::string(key->str()), source_of(key->source()), std::move(*node)});
            }
        }
        return Node(std::move(members), source);
    }

    std::optional<Node> converted_list(const toml::array& list, const Source& source, std::size_t level) {
        if (deep(level, source)) return std::nullopt;
        Node::List elements;
        for (const toml::node& element : list) {
            if (std::optional<Node> node = convert(element, level)) elements.push_back(std::move(*node));
        }
        return Node(std::move(elements), source);
    }

    void refuse_date(const toml::node& node, const Source& source) {
        std::ostringstream written;
        if (const auto* const date = node.as_date()) written << date->get();
        if (const auto* const time = node.as_time()) written << time->get();
        if (const auto* const both = node.as_date_time()) written << both->get();
        problems_.push_back(
            {source, "dates and times are not used in a manifest; write a string: \"" + written.str() + "\""});
    }

    const std::string& origin_;
    const Source* fixed_;
    std::vector<Problem>& problems_;
};

std::string_view line_of(std::string_view text, std::size_t line) {
    for (; line > 1 && !text.empty(); --line) text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
    return text.substr(0, text.find_first_of("\r\n"));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool starts_a_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/' || c == '.' || c == '~' || c == '_';
}

/// The value that a syntax error on this line is about: from the last '=' before `column`, without opening brackets.
std::string_view value_at(std::string_view line, std::size_t column) {
    const std::size_t equals = line.rfind('=', column);
    if (equals == std::string_view::npos) return {};
    std::string_view value = line.substr(equals + 1);
    value = trimmed(value.substr(0, value.find_first_of("#,]}")));
    const std::size_t begin = value.find_first_not_of("[ \t");
    return begin == std::string_view::npos ? std::string_view{} : value.substr(begin);
}

/// What newcomers stumble over most; toml++ only says what it expected.
std::string syntax_hint(std::string_view line, std::size_t column, std::string_view description) {
    if (description.find("escape sequence") != std::string_view::npos) {
        return "; a backslash in \"...\" starts an escape: write '...' to take the text as it stands";
    }
    if (description.find("unescaped control characters") != std::string_view::npos && column > line.size()) {
        return "; a string ends on its line, unless it is put in \"\"\" or '''";
    }
    if (description.find("cannot redefine") != std::string_view::npos) {
        return "; a key or a [table] is given once ([[name]] starts another element of a list)";
    }
    if (description.find("expected bare key starting") != std::string_view::npos) {
        return "; a name with other characters than letters, digits, '_' and '-' is put in quotes";
    }
    if (line.find('=') == std::string_view::npos) {
        const bool bare_line = description.starts_with("key-value pair") || description.starts_with("root table");
        return bare_line ? "; a line is key = value, [table] or [[list of tables]]" : "";
    }
    if (trimmed(line).ends_with('=')) return "; the value is missing";
    const std::string_view value = value_at(line, column);
    if (value == "True" || value == "False") return "; bools are written true and false";
    if (value.starts_with('.') && value.size() > 1 && is_digit(value[1])) return "; write 0" + std::string(value);
    const bool after_digit = column >= 2 && column <= line.size() && is_digit(line[column - 2]);
    if (after_digit && line[column - 1] == ',') return "; decimals are written with a point, lists in [ ]";
    const bool bare_word = !value.empty() && starts_a_word(value.front()) && value != "true" && value != "false";
    return bare_word ? "; a text is put in quotes: " + toml_string(value) : "";
}

/// "array: expected ..."
std::string_view description_of(const toml::parse_error& error) {
    constexpr std::string_view kPrefix = "Error while parsing ";
    std::string_view description = error.description();
    if (description.starts_with(kPrefix)) description.remove_prefix(kPrefix.size());
    return description;
}

std::string syntax_message(std::string_view text, const toml::parse_error& error) {
    const std::string_view description = description_of(error);
    return "not valid TOML: in " + printable(description) +
           syntax_hint(line_of(text, error.source().begin.line), error.source().begin.column, description);
}

std::string hex_byte(unsigned char byte) {
    std::ostringstream out;
    out << "0x" << std::uppercase << std::hex << static_cast<int>(byte);
    return out.str();
}

/// What rules the text out before it is parsed.
std::optional<Problem> unreadable(std::string_view text, const std::string& origin) {
    const auto at = [&](std::size_t offset) {
        const TextPosition position = position_at(text, offset);
        return Source{Source::Kind::file, origin, position.line, position.column};
    };
    if (const std::string_view format = binary_format(text); !format.empty()) {
        const Source whole{Source::Kind::file, origin};
        return Problem{whole, "is " + std::string(format) + "; expected a manifest (TOML)"};
    }
    if (const std::size_t bad = first_non_utf8(text); bad != std::string_view::npos) {
        return Problem{at(bad), "not UTF-8: byte " + hex_byte(static_cast<unsigned char>(text[bad])) + " at offset " +
                                    std::to_string(bad) + "; save the file as UTF-8"};
    }
    if (const std::optional<Hazard> hazard = find_hazard(text)) return Problem{at(hazard->offset), hazard->message};
    return std::nullopt;
}

}  // namespace

std::optional<Node> parse_document(std::string_view text, const std::string& origin, std::vector<Problem>& problems) {
    if (std::optional<Problem> problem = unreadable(text, origin)) {
        problems.push_back(std::move(*problem));
        return std::nullopt;
    }
    try {
        const toml::table table = toml::parse(text);
        const Source whole{Source::Kind::file, origin};
        if (table.empty()) {
            problems.push_back({whole, trimmed(text).empty()
                                           ? "is empty; expected a manifest with tables such as [model]"
                                           : "holds only comments; expected tables such as [model]"});
            return std::nullopt;
        }
        std::optional<Node> root = Conversion(origin, nullptr, problems).convert(table, 0);
        root->set_source(whole);
        return root;
    } catch (const toml::parse_error& error) {
        const auto [line, column] = error.source().begin;
        std::string message = syntax_message(text, error);
        problems.push_back({{Source::Kind::file, origin, line, column}, std::move(message)});
        return std::nullopt;
    }
}

ValueResult parse_value(std::string_view text, const Source& source) {
    constexpr std::string_view kKey = "v = ";
    const std::string document = std::string(kKey) + std::string(text);
    if (const std::optional<Hazard> hazard = find_hazard(document)) return {{}, hazard->message, 0, false};
    try {
        const toml::table table = toml::parse(std::string_view(document));
        const toml::node& value = *table.get("v");
        const auto [line, column] = value.source().end;
        const std::size_t end = offset_of(document, {line, column});
        // a comment, or another line of TOML, is not part of a value: "5#3" must not become 5
        if (!trimmed(std::string_view(document).substr(end)).empty())
            return {{}, "there is text after the value", 0, false};
        std::vector<Problem> problems;
        ValueResult result;
        result.node = Conversion(source.origin, &source, problems).convert(value, 1);
        if (!problems.empty()) return {{}, problems.front().message};
        return result;
    } catch (const toml::parse_error& error) {
        const auto [line, column] = error.source().begin;
        const bool first_line = line == 1 && column > kKey.size();
        return {{}, "in " + printable(description_of(error)), first_line ? column - kKey.size() : 0, false};
    }
}

std::size_t nesting_of(const Node& node) {
    std::size_t deepest = 0;
    if (node.is_table()) {
        for (const Member& member : node.as_table()) deepest = std::max(deepest, nesting_of(member.value));
    } else if (node.is_list()) {
        for (const Node& element : node.as_list()) deepest = std::max(deepest, nesting_of(element));
    } else {
        return 0;
    }
    return deepest + 1;
}

}  // namespace dvhost::manifest

#include "manifest/parser_guard.hpp"

#include "manifest/text.hpp"

#include <algorithm>
#include <array>

namespace dvhost::manifest {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// Index behind the string that opens at `i`. A string that is not closed ends with its line (or, of three quotes,
/// with the text): the parser will refuse it there.
std::size_t skip_string(std::string_view text, std::size_t i) {
    const char quote = text[i];
    const std::string_view triple = quote == '"' ? R"(""")" : "'''";
    const bool multi_line = text.substr(i).starts_with(triple);
    i += multi_line ? 3 : 1;
    for (; i < text.size(); ++i) {
        if (quote == '"' && text[i] == '\\') {
            ++i;
        } else if (multi_line ? text.substr(i).starts_with(triple) : text[i] == quote) {
            i += multi_line ? 3 : 1;
            // up to two more quotes before the closing three belong to the string
            for (int more = 0; multi_line && more < 2 && i < text.size() && text[i] == quote; ++more) ++i;
            return i;
        } else if (!multi_line && text[i] == '\n') {
            return i;
        }
    }
    return text.size();
}

/// Index of the next character that may be structure, behind the string or comment that begins at `i`.
std::size_t next(std::string_view text, std::size_t i) {
    if (text[i] == '"' || text[i] == '\'') return skip_string(text, i);
    if (text[i] == '#') return std::min(text.find('\n', i), text.size());
    return i + 1;
}

std::string outside_quotes_message(std::string_view character) {
    constexpr std::array<std::string_view, 6> kTypographic{"\u2018", "\u2019", "\u201C", "\u201D", "\u201E", "\u201A"};
    const std::string named = "not valid TOML: " + in_quotes(character) + " (" + code_point_name(character) + ") ";
    if (std::find(kTypographic.begin(), kTypographic.end(), character) != kTypographic.end()) {
        return named + "is a typographic quote; strings are put in straight quotes, \" or '";
    }
    return named + "stands outside quotes; keys and values with other characters than ASCII are put in quotes";
}

}  // namespace

std::string too_deep_message() { return "nested deeper than " + std::to_string(kDeepestNesting) + " levels"; }

std::optional<Hazard> find_hazard(std::string_view text) {
    std::size_t brackets = 0;
    std::size_t dots = 0;
    std::size_t i = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
    for (; i < text.size(); i = next(text, i)) {
        const char c = text[i];
        if (static_cast<unsigned char>(c) >= 0x80) return Hazard{i, outside_quotes_message(character_at(text, i))};
        if (c == '[' || c == '{') ++brackets;
        if ((c == ']' || c == '}') && brackets > 0) --brackets;
        if (c == '.') ++dots;
        if (std::string_view("[]{},=\n").find(c) != std::string_view::npos) dots = 0;
        if (brackets > kDeepestNesting || dots > kDeepestNesting) return Hazard{i, too_deep_message()};
    }
    return std::nullopt;
}

}  // namespace dvhost::manifest

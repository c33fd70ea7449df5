#include "manifest/key_path.hpp"

#include "manifest/text.hpp"

#include <algorithm>
#include <charconv>

namespace dvhost::manifest {
namespace {

bool is_bare(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/// What an unquoted segment must not hold: it would mean something else, or is a slip.
constexpr std::string_view kNeedsQuotes = " \t\n\"'[]{},#=";

struct Segment {
    std::string key;
    std::string problem;
};

/// Reads a quoted segment and moves `i` behind its closing quote.
Segment quoted_segment(std::string_view text, std::size_t& i) {
    const char quote = text[i++];
    Segment segment;
    while (i < text.size() && text[i] != quote) {
        if (quote == '"' && text[i] == '\\') {
            ++i;
            if (i == text.size() || (text[i] != '"' && text[i] != '\\')) {
                segment.problem = "only \\\" and \\\\ may follow a backslash in a quoted key";
                return segment;
            }
        }
        segment.key += text[i++];
    }
    if (i == text.size()) {
        segment.problem = std::string("the quote ") + quote + " is not closed";
    } else {
        ++i;
    }
    return segment;
}

Segment bare_segment(std::string_view text, std::size_t& i) {
    const std::size_t begin = i;
    i = std::min(text.find('.', i), text.size());
    const std::string_view key = text.substr(begin, i - begin);
    if (key.empty()) return {"", "a key is empty (two dots in a row, or one at an end)"};
    const std::size_t odd = key.find_first_of(kNeedsQuotes);
    if (odd == std::string_view::npos) return {std::string(key), ""};
    if (key[odd] == '[') return {"", "list elements are written with a dot, as in logger.0.type"};
    return {"", in_quotes(key) + " must be put in quotes to be a key"};
}

}  // namespace

KeyPathResult parse_key_path(std::string_view text) {
    KeyPathResult result;
    if (text.empty()) return {{}, "the key is empty"};
    for (std::size_t i = 0;;) {
        const bool is_quoted = i < text.size() && (text[i] == '"' || text[i] == '\'');
        Segment segment = is_quoted ? quoted_segment(text, i) : bare_segment(text, i);
        if (!segment.problem.empty()) return {{}, segment.problem};
        result.path.push_back(std::move(segment.key));
        if (i == text.size()) return result;
        if (text[i] != '.') return {{}, "expected a dot after the quoted key " + in_quotes(result.path.back())};
        ++i;
    }
}

std::string key_text(std::string_view key) {
    const bool bare = !key.empty() && std::all_of(key.begin(), key.end(), is_bare);
    return bare ? std::string(key) : toml_string(key);
}

std::string to_text(const KeyPath& path) {
    std::string out;
    for (const std::string& key : path) {
        if (!out.empty()) out += '.';
        out += key_text(key);
    }
    return out;
}

std::optional<std::size_t> parse_index(std::string_view segment) {
    std::size_t index = 0;
    const char* const end = segment.data() + segment.size();
    const auto [stop, error] = std::from_chars(segment.data(), end, index);
    const bool whole = error == std::errc{} && stop == end && (segment.size() == 1 || segment.front() != '0');
    return whole ? std::optional(index) : std::nullopt;
}

const Node* child(const Node& parent, std::string_view segment) {
    if (parent.is_table()) return parent.find(segment);
    if (!parent.is_list()) return nullptr;
    const std::optional<std::size_t> index = parse_index(segment);
    return index && *index < parent.as_list().size() ? &parent.as_list()[*index] : nullptr;
}

Node* child(Node& parent, std::string_view segment) {
    return const_cast<Node*>(child(static_cast<const Node&>(parent), segment));
}

}  // namespace dvhost::manifest

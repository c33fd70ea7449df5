#include "manifest/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace dvhost::manifest {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::size_t kLongestQuote = 120;

unsigned char byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

bool is_continuation(unsigned char byte) { return (byte & 0xC0U) == 0x80U; }

/// Bytes of the code point at `i`; 0 when it is not valid (overlong, surrogate, above U+10FFFF, cut short).
std::size_t code_point_length(std::string_view text, std::size_t i) {
    const unsigned char lead = byte_at(text, i);
    if (lead < 0x80) return 1;
    const std::size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                               : (lead & 0xF0U) == 0xE0       ? 3
                               : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                              : 0;
    if (length == 0 || i + length > text.size()) return 0;
    for (std::size_t k = 1; k < length; ++k) {
        if (!is_continuation(byte_at(text, i + k))) return 0;
    }
    const unsigned char second = byte_at(text, i + 1);
    if (lead == 0xE0 && second < 0xA0) return 0;
    if (lead == 0xED && second > 0x9F) return 0;
    if (lead == 0xF0 && second < 0x90) return 0;
    if (lead == 0xF4 && second > 0x8F) return 0;
    return length;
}

bool is_control(unsigned char byte) { return byte < 0x20 || byte == 0x7F; }

void append_hex(std::string& out, unsigned char byte) {
    out += kHexDigits[byte >> 4U];
    out += kHexDigits[byte & 0x0FU];
}

/// The letter of the two-character escape, or '\0'.
char short_escape(unsigned char byte) {
    switch (byte) {
        case '\n': return 'n';
        case '\t': return 't';
        case '\r': return 'r';
        default: return '\0';
    }
}

}  // namespace

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r\n";
    const std::size_t begin = text.find_first_not_of(kBlank);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

std::size_t first_non_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = code_point_length(text, i);
        if (length == 0) return i;
        i += length;
    }
    return std::string_view::npos;
}

std::string_view character_at(std::string_view text, std::size_t offset) {
    return text.substr(offset, std::max<std::size_t>(code_point_length(text, offset), 1));
}

std::string code_point_name(std::string_view character) {
    // the lead byte of n > 1 bytes holds 7 - n bits, the others 6 each
    std::uint32_t value = byte_at(character, 0);
    if (character.size() > 1) value &= (1U << (7 - character.size())) - 1;
    for (std::size_t i = 1; i < character.size(); ++i) value = (value << 6U) | (byte_at(character, i) & 0x3FU);
    std::string digits;
    for (; value > 0 || digits.size() < 4; value >>= 4U)
        digits.insert(digits.begin(), "0123456789ABCDEF"[value & 0xFU]);
    return "U+" + digits;
}

TextPosition position_at(std::string_view text, std::size_t offset) {
    TextPosition position;
    for (std::size_t i = 0; i < offset; ++i) {
        if (text[i] == '\n') {
            ++position.line;
            position.column = 1;
        } else if (!is_continuation(byte_at(text, i))) {
            ++position.column;
        }
    }
    return position;
}

std::size_t offset_of(std::string_view text, TextPosition position) {
    std::size_t i = 0;
    for (std::uint32_t line = 1; line < position.line; ++line) i = std::min(text.find('\n', i), text.size() - 1) + 1;
    for (std::uint32_t column = 1; column < position.column && i < text.size(); ++column) {
        do ++i;
        while (i < text.size() && is_continuation(byte_at(text, i)));
    }
    return i;
}

std::string printable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = code_point_length(text, i);
        const unsigned char byte = byte_at(text, i);
        if (length > 0 && !is_control(byte)) {
            out += text.substr(i, length);
        } else if (const char letter = short_escape(byte)) {
            out += '\\';
            out += letter;
        } else {
            out += "\\x";
            append_hex(out, byte);
        }
        i += std::max<std::size_t>(length, 1);
    }
    return out;
}

std::string in_quotes(std::string_view text) {
    if (text.size() <= kLongestQuote) return "'" + printable(text) + "'";
    std::size_t cut = kLongestQuote;
    while (cut > 0 && is_continuation(byte_at(text, cut))) --cut;
    return "'" + printable(text.substr(0, cut)) + "...'";
}

std::string toml_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (const char letter = short_escape(byte)) {
            out += '\\';
            out += letter;
        } else if (is_control(byte)) {
            out += "\\u00";
            append_hex(out, byte);
        } else {
            out += c;
        }
    }
    return out + '"';
}

std::string toml_float(double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
    std::array<char, 32> buffer{};
    const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    std::string out(buffer.data(), end);
    if (out.find_first_of(".e") == std::string::npos) out += ".0";  // else TOML would read an integer
    return out;
}

}  // namespace dvhost::manifest

#include "registry/printable.hpp"

#include <cstdint>

namespace dvhost::registry {
namespace {

struct Character {
    std::uint32_t code = 0;
    std::size_t length = 0;  ///< 0: malformed
};

/// The smallest code point that needs so many bytes; shorter encodings are refused.
constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};

std::size_t length_of(unsigned char lead) {
    if (lead < 0x80) return 1;
    if (lead >> 5 == 0b110) return 2;
    if (lead >> 4 == 0b1110) return 3;
    if (lead >> 3 == 0b11110) return 4;
    return 0;
}

Character decode(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text[0]);
    const std::size_t length = length_of(lead);
    if (length == 1) return {lead, 1};
    if (length == 0 || length > text.size()) return {};
    std::uint32_t code = lead & (0x7Fu >> length);
    for (std::size_t i = 1; i < length; ++i) {
        const auto next = static_cast<unsigned char>(text[i]);
        if (next >> 6 != 0b10) return {};
        code = code << 6 | (next & 0x3Fu);
    }
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (code < kSmallest[length] || code > 0x10FFFF || surrogate) return {};
    return {code, length};
}

bool is_control(std::uint32_t code) {
    return (code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7F && code < 0xA0);
}

std::string escaped(std::uint32_t code) {
    constexpr char digits[] = "0123456789abcdef";
    return {'\\', 'x', digits[code >> 4 & 15], digits[code & 15]};
}

}  // namespace

std::optional<std::size_t> first_invalid_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = decode(text.substr(at)).length;
        if (length == 0) return at;
        at += length;
    }
    return std::nullopt;
}

std::string printable(std::string_view text, std::size_t limit) {
    constexpr std::string_view replacement = "\xEF\xBF\xBD";
    constexpr std::string_view cut = "...";
    std::string out;
    out.reserve(text.size() < limit ? text.size() : limit);
    std::size_t fits_with_mark = 0;  // where to cut so that the mark still fits
    for (std::size_t at = 0; at < text.size();) {
        const Character c = decode(text.substr(at));
        if (c.length == 0) {
            out += replacement;
        } else if (is_control(c.code)) {
            out += escaped(c.code);
        } else {
            out += text.substr(at, c.length);
        }
        at += c.length == 0 ? 1 : c.length;
        if (out.size() > limit) {
            out.resize(fits_with_mark);
            return out += cut.substr(0, limit < cut.size() ? limit : cut.size());
        }
        if (out.size() + cut.size() <= limit) fits_with_mark = out.size();
    }
    return out;
}

}  // namespace dvhost::registry

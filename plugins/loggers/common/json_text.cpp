#include "json_text.hpp"

#include "number_text.hpp"

#include <dv/binding.hpp>

#include <cmath>
#include <cstdint>

namespace loggers::json {

namespace {

constexpr char32_t kReplacement = 0xFFFD;

struct CodePoint {
    char32_t value;
    std::size_t size;  // bytes
};

/// The code point at the front of `text`; of a byte that begins none, U+FFFD.
CodePoint decode(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return {first, 1};
    const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < size) return {kReplacement, 1};
    char32_t value = first & (0x7Fu >> size);
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xC0u) != 0x80u) return {kReplacement, 1};
        value = value << 6 | (byte(i) & 0x3Fu);
    }
    const bool longer_than_needed = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
    const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
    if (longer_than_needed || surrogate || value > 0x10FFFF) return {kReplacement, 1};
    return {value, size};
}

void append_escaped(std::string& out, char32_t value) {
    constexpr std::string_view kHex = "0123456789abcdef";
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += kHex[value >> shift & 0xFu];
}

void append_code_point(std::string& out, CodePoint point, std::string_view bytes) {
    switch (point.value) {
        case '"': out += "\\\""; return;
        case '\\': out += "\\\\"; return;
        case '\n': out += "\\n"; return;
        case '\r': out += "\\r"; return;
        case '\t': out += "\\t"; return;
        case kReplacement: out += "\xEF\xBF\xBD"; return;
        case 0x7F:
        case 0x85:
        case 0x2028:
        case 0x2029: append_escaped(out, point.value); return;
        default: break;
    }
    if (point.value < 0x20) {
        append_escaped(out, point.value);
    } else {
        out += bytes;
    }
}

void append_table(std::string& out, const dv_config& config, const dv_node* table) {
    out += '{';
    for (std::uint64_t i = 0, n = config.count(table); i < n; ++i) {
        if (i != 0) out += ',';
        append_string(out, dv::detail::view(config.key(table, i)));
        out += ':';
        append_node(out, config, config.item(table, i));
    }
    out += '}';
}

void append_list(std::string& out, const dv_config& config, const dv_node* list) {
    out += '[';
    for (std::uint64_t i = 0, n = config.count(list); i < n; ++i) {
        if (i != 0) out += ',';
        append_node(out, config, config.item(list, i));
    }
    out += ']';
}

/// Reads a scalar through one of the host's functions.
template <class T>
T scalar(dv_status (*read)(const dv_node*, T*), const dv_node* node) {
    T value{};
    if (read(node, &value) != DV_OK) throw dv::Error("the host could not read a value of the manifest as what it is");
    return value;
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        const CodePoint point = decode(text);
        append_code_point(out, point, text.substr(0, point.size));
        text.remove_prefix(point.size);
    }
    out += '"';
}

void append_number(std::string& out, double value) {
    if (std::isnan(value)) {
        out += "\"NaN\"";
    } else if (std::isinf(value)) {
        out += value < 0 ? "\"-Infinity\"" : "\"Infinity\"";
    } else {
        loggers::append_number(out, value);
    }
}

void append_numbers(std::string& out, std::span<const double> values) {
    out += '[';
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (i != 0) out += ',';
        append_number(out, values[i]);
    }
    out += ']';
}

void append_node(std::string& out, const dv_config& config, const dv_node* node) {
    switch (config.kind(node)) {
        case DV_KIND_BOOL: out += scalar(config.as_bool, node) != 0 ? "true" : "false"; return;
        case DV_KIND_INT: loggers::append_number(out, scalar(config.as_int, node)); return;
        case DV_KIND_FLOAT: append_number(out, scalar(config.as_float, node)); return;
        case DV_KIND_STRING: append_string(out, dv::detail::view(scalar(config.as_string, node))); return;
        case DV_KIND_LIST: append_list(out, config, node); return;
        case DV_KIND_TABLE: append_table(out, config, node); return;
        default: out += "null";  // a kind of a newer host
    }
}

}  // namespace loggers::json

#include "number_text.hpp"

#include <charconv>
#include <cmath>
#include <string_view>

namespace loggers {

namespace {

constexpr std::size_t kLongest = 32;  // a shortest double takes at most 24 characters

bool append_special(std::string& out, double value) {
    if (std::isnan(value)) return out += "nan", true;  // to_chars would show the sign bit
    if (std::isinf(value)) return out += value < 0 ? "-inf" : "inf", true;
    return false;
}

}  // namespace

void append_number(std::string& out, double value) {
    if (append_special(out, value)) return;
    char buffer[kLongest];
    out.append(buffer, std::to_chars(buffer, buffer + kLongest, value).ptr);
}

void append_number(std::string& out, std::int64_t value) {
    char buffer[kLongest];
    out.append(buffer, std::to_chars(buffer, buffer + kLongest, value).ptr);
}

void append_python_number(std::string& out, double value) {
    if (append_special(out, value)) return;
    char buffer[kLongest];
    const char* end = std::to_chars(buffer, buffer + kLongest, value, std::chars_format::scientific).ptr;
    const std::string_view scientific(buffer, static_cast<std::size_t>(end - buffer));  // "-1.25e-07"
    const std::size_t e = scientific.find('e');
    int exponent = 0;
    std::from_chars(scientific.data() + e + (scientific[e + 1] == '+' ? 2 : 1), end, exponent);
    if (exponent < -4 || exponent >= 16) {
        out += scientific;
        return;
    }
    const std::size_t before = out.size();
    char fixed[kLongest];
    out.append(fixed, std::to_chars(fixed, fixed + kLongest, value, std::chars_format::fixed).ptr);
    if (out.find('.', before) == std::string::npos) out += ".0";
}

}  // namespace loggers

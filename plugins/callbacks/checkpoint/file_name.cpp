#include "file_name.hpp"

#include <dv/error.hpp>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

namespace checkpoint {

namespace {

constexpr int kWidest = 64;  // of a field; keeps file names sane

/// Takes digits from the front.
int take_number(std::string_view& text) {
    int value = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value).ptr;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

/// The shortest decimal that reads back, with a point: 10.0, 0.25.
std::string plain(double value) {
    char buffer[32];
    std::string text(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
    return text.find_first_of(".eni") == std::string::npos ? text + ".0" : text;
}

template <class... Arguments>
std::string print(const char* format, Arguments... arguments) {
    std::string out(static_cast<std::size_t>(std::snprintf(nullptr, 0, format, arguments...)), '\0');
    std::snprintf(out.data(), out.size() + 1, format, arguments...);
    return out;
}

std::string padded(std::string text, int width) {
    const auto wanted = static_cast<std::size_t>(width);
    return text.size() < wanted ? std::string(wanted - text.size(), ' ') + text : text;
}

}  // namespace

NameTemplate::NameTemplate(std::string_view text, Fields fields) : fields_(fields) {
    while (!text.empty()) {
        const std::size_t open = text.find('{');
        const std::string_view before = text.substr(0, open);
        if (before.find('}') != std::string_view::npos) throw std::invalid_argument("has a '}' without a '{'");
        if (!before.empty()) parts_.push_back({std::string(before), false, {}});
        if (open == std::string_view::npos) return;
        const std::size_t close = text.find('}', open);
        if (close == std::string_view::npos) throw std::invalid_argument("has a '{' without a '}'");
        const std::string_view field = text.substr(open + 1, close - open - 1);
        const std::size_t colon = field.find(':');
        const std::string_view name = field.substr(0, colon);
        if (name.empty() || name.find('{') != std::string_view::npos) {
            throw std::invalid_argument("has a field without a name: '{" + std::string(field) + "}'");
        }
        const std::string_view format = colon == std::string_view::npos ? std::string_view() : field.substr(colon + 1);
        parts_.push_back({std::string(name), true, parse_format(format, field)});
        text.remove_prefix(close + 1);
    }
}

NameTemplate::Format NameTemplate::parse_format(std::string_view text, std::string_view field) {
    Format format;
    if (text.starts_with('0')) format.zero_fill = true, text.remove_prefix(1);
    format.width = take_number(text);
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        const bool has_digits = !text.empty() && text.front() >= '0' && text.front() <= '9';
        format.precision = has_digits ? take_number(text) : kWidest + 1;
    }
    if (!text.empty() && std::string_view("defg").find(text.front()) != std::string_view::npos) {
        format.type = text.front();
        text.remove_prefix(1);
    }
    const bool no_meaning = format.type == 'd' && format.precision >= 0;
    if (!text.empty() || no_meaning || format.width < 0 || format.width > kWidest || format.precision > kWidest) {
        throw std::invalid_argument("has a field '{" + std::string(field) +
                                    "}' whose format is not [0][width][.precision][d|e|f|g]");
    }
    return format;
}

std::string NameTemplate::formatted(const FieldValue& value, const Format& format) {
    const auto* whole = std::get_if<std::int64_t>(&value);
    const double real = whole ? static_cast<double>(*whole) : std::get<double>(value);
    const char type = format.type != 0 ? format.type : format.precision >= 0 ? 'g' : whole ? 'd' : 0;
    if (type == 0 && !format.zero_fill) return padded(plain(real), format.width);

    const std::string head = std::string("%") + (format.zero_fill ? "0" : "") + std::to_string(format.width);
    if (format.width == 0 && format.zero_fill) return formatted(value, {0, format.precision, false, type});
    if (type == 'd') {
        if (!whole && !std::isfinite(real)) return padded(plain(real), format.width);
        return print(((format.width > 0 ? head : "%") + "lld").c_str(),
                     static_cast<long long>(whole ? *whole : std::llround(real)));
    }
    const std::string precision = format.precision >= 0 ? "." + std::to_string(format.precision) : "";
    return print(((format.width > 0 ? head : "%") + precision + (type == 0 ? 'g' : type)).c_str(), real);
}

std::string NameTemplate::fill(const Lookup& lookup) const {
    std::string out;
    for (const Part& part : parts_) {
        if (!part.is_field) {
            out += part.text;
            continue;
        }
        if (fields_ == Fields::name_value) out += part.text + "=";
        out += formatted(lookup(part.text).value_or(std::int64_t{0}), part.format);
    }
    return out;
}

NameTemplate name_template(const std::string& parameter, const std::string& text, NameTemplate::Fields fields) {
    if (text.empty()) throw dv::ParameterError(parameter, "is empty; give a name or a template");
    try {
        if (std::filesystem::path(text).is_absolute() || text.find("..") != std::string::npos) {
            throw std::invalid_argument("must lie in dirpath: no '/' at the front, no '..'");
        }
        return {text, fields};
    } catch (const std::invalid_argument& error) {
        throw dv::ParameterError(parameter, "is '" + text + "' and " + error.what());
    }
}

}  // namespace checkpoint

#pragma once
/// Names of states in checkpoints, as Lightning writes them, so that files can be exchanged: EarlyStopping{'monitor': 'val/loss',
/// 'mode': 'min'}.

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace callbacks {

/// As Python's repr() of a string.
inline std::string python_text(std::string_view text) {
    const bool has_single = text.find('\'') != std::string_view::npos;
    const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
    std::string out(1, quote);
    for (const char c : text) {
        if (c == quote || c == '\\') out += '\\';
        out += c;
    }
    return out + quote;
}

inline std::string python_optional(const std::optional<std::string>& text) {
    return text ? python_text(*text) : "None";
}

/// datetime.timedelta(days=1, seconds=30, microseconds=5)
inline std::string python_timedelta(double seconds) {
    const auto total = static_cast<std::int64_t>(std::llround(seconds * 1e6));
    constexpr std::int64_t kSecond = 1'000'000, kDay = 86'400 * kSecond;
    std::string parts;
    const auto add = [&](const char* name, std::int64_t value) {
        if (value != 0) parts += (parts.empty() ? "" : ", ") + (std::string(name) + "=" + std::to_string(value));
    };
    add("days", total / kDay), add("seconds", total % kDay / kSecond), add("microseconds", total % kSecond);
    return "datetime.timedelta(" + (parts.empty() ? "0" : parts) + ")";
}

/// `values` are Python's literals.
inline std::string state_key(std::string_view name,
                             std::initializer_list<std::pair<std::string_view, std::string>> values) {
    std::string out;
    for (const auto& [key, value] : values) out += (out.empty() ? "" : ", ") + python_text(key) + ": " + value;
    return std::string(name) + "{" + out + "}";
}

}  // namespace callbacks

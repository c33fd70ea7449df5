#include "line.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace progress {

namespace {

constexpr std::size_t kWidestBar = 40, kNarrowestBar = 5, kAroundBar = 10;  // columns
constexpr std::size_t kRoomForBoth = 56;  // of the loop in hand, for the other one to be shown as well

template <class... Arguments>
std::string print(const char* format, Arguments... arguments) {
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, format, arguments...);
    return buffer;
}

bool starts_code_point(char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; }

/// One column per code point; wide scripts are rare in names of metrics.
std::size_t columns(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_code_point));
}

std::string cut(std::string_view text, std::size_t width) {
    std::size_t end = 0, n = 0;
    for (; end < text.size(); ++end) {
        if (starts_code_point(text[end]) && n++ == width) break;
    }
    return std::string(text.substr(0, end));
}

double share(const Position& at) {
    return at.total > 0 ? std::clamp(static_cast<double>(at.done) / static_cast<double>(at.total), 0.0, 1.0) : 1.0;
}

/// 00:31, 1:02:03
std::string duration(double seconds) {
    const long long s = std::llround(std::floor(std::clamp(seconds, 0.0, 1e9)));
    return s < 3600 ? print("%02lld:%02lld", s / 60, s % 60)
                    : print("%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
}

std::string rate_text(double rate) { return rate >= 1 ? print("%.3git/s", rate) : print("%.3gs/it", 1 / rate); }

/// [00:14<00:16, 30.2it/s]
std::string times(const Position& at) {
    std::string out = "[" + duration(at.elapsed);
    if (at.rate && at.total >= 0) out += "<" + duration(static_cast<double>(at.total - at.done) / *at.rate);
    if (at.rate) out += ", " + rate_text(*at.rate);
    return out + "]";
}

std::string counts(const Position& at) {
    return std::to_string(at.done) + (at.total >= 0 ? "/" + std::to_string(at.total) : "it");
}

std::string with_metrics(std::string text, const std::vector<std::string>& metrics) {
    for (const std::string& metric : metrics) text += " " + metric;
    return text;
}

std::string bar(double share, std::size_t width, Glyphs glyphs) {
    if (glyphs == Glyphs::ascii) {
        const auto full = static_cast<std::size_t>(share * static_cast<double>(width));
        return std::string(full, '#') + std::string(width - full, ' ');
    }
    constexpr std::string_view kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const auto eighths = static_cast<std::size_t>(share * static_cast<double>(width * 8));
    std::string out;
    for (std::size_t i = 0; i < eighths / 8; ++i) out += "█";
    out += kEighths[eighths % 8];
    return out + std::string(width - (eighths + 7) / 8, ' ');
}

std::string around_text(const Position& at, Glyphs glyphs) {
    const std::string head = " | " + std::string(at.label) + ": ";
    if (at.total < 0) return head + counts(at);
    return head + print("%3d%%", static_cast<int>(100 * share(at))) + "|" + bar(share(at), kAroundBar, glyphs) + "| " +
           counts(at);
}

}  // namespace

std::string bar_line(const Position& at, Glyphs glyphs, int width, const Position* around) {
    const auto whole = static_cast<std::size_t>(std::max(width, 1));
    const std::string behind = around ? around_text(*around, glyphs) : std::string();
    const bool has_both = around && whole >= columns(behind) + kRoomForBoth;
    const std::size_t room = has_both ? whole - columns(behind) : whole;
    std::string head = std::string(at.label) + ": ";
    std::string tail = counts(at) + " " + times(at);
    const bool has_bar = at.total >= 0;
    if (has_bar) {
        head += print("%3d%%", static_cast<int>(100 * share(at)));
        tail = " " + tail;
    }
    const std::size_t least = columns(head) + columns(tail) + (has_bar ? kNarrowestBar + 2 : 0);
    std::size_t used = least;
    for (const std::string& metric : at.metrics) {
        used += 1 + columns(metric);
        if (used > room) break;
        tail += " " + metric;
    }
    if (!has_bar || least > room) return cut(head + tail, whole);
    const std::size_t bar_width = std::min(kWidestBar, room - columns(head) - columns(tail) - 2);
    return head + "|" + bar(share(at), bar_width, glyphs) + "|" + tail + (has_both ? behind : std::string());
}

std::string plain_line(const Position& at) {
    std::string text = std::string(at.label) + ": " + counts(at);
    if (at.total >= 0) text += print(" (%d%%)", static_cast<int>(100 * share(at)));
    return with_metrics(text + " " + times(at), at.metrics);
}

std::string final_line(const Position& at) {
    return with_metrics(std::string(at.label) + ": " + counts(at) + " [" + duration(at.elapsed) + "]", at.metrics);
}

std::string metric_text(std::string_view name, double value) {
    const double size = std::abs(value);
    const char* format = size >= 1000 && size < 1e6 ? " %.0f" : " %.3g";
    return std::string(name) + print(format, value);
}

}  // namespace progress

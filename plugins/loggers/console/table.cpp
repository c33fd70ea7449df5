#include "table.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace console {

namespace {

constexpr std::size_t kIndex = 8;  // columns for epoch and for step
constexpr std::size_t kGap = 2;

/// Columns that UTF-8 takes, one a character; control characters have no place in a table.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string printable(std::string_view text) {
    std::string out(text);
    std::ranges::replace_if(out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
    return out;
}

void put_right(std::string& out, std::string_view text, std::size_t width) {
    const std::size_t n = width_of(text);
    out.append(width > n ? width - n : 0, ' ').append(text);
}

std::string number(double value, int digits) {
    if (std::isnan(value)) return "nan";
    char buffer[64];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::general, digits).ptr;
    return {buffer, end};
}

}  // namespace

std::size_t Table::column_width(std::string_view name) const {
    return kGap + std::max(width_of(name), static_cast<std::size_t>(digits_) + 7);  // "-1.234e-05"
}

std::size_t Table::fitting(const Line& line, std::size_t width) const {
    constexpr std::size_t kMore = 8;  // "  +12345"
    std::size_t used = 2 * kIndex, n = 0;
    for (const auto& [name, value] : line.values) {
        const bool last = n + 1 == line.values.size();
        used += column_width(name);
        if (used + (last ? 0 : kMore) > width) break;
        ++n;
    }
    return std::max<std::size_t>(n, std::min<std::size_t>(1, line.values.size()));
}

std::string Table::head(const Line& line, std::size_t n_shown) const {
    std::string out;
    put_right(out, "epoch", kIndex);
    put_right(out, "step", kIndex);
    for (std::size_t i = 0; i < n_shown; ++i) put_right(out, printable(line.values[i].first), column_width(line.values[i].first));
    if (n_shown < line.values.size()) out += "  +" + std::to_string(line.values.size() - n_shown);
    return out;
}

std::string Table::row(const Line& line, std::size_t n_shown) const {
    std::string out;
    put_right(out, line.epoch >= 0 ? std::to_string(line.epoch) : "", kIndex);
    put_right(out, std::to_string(line.step), kIndex);
    for (std::size_t i = 0; i < n_shown; ++i) put_right(out, number(line.values[i].second, digits_), column_width(line.values[i].first));
    return out;
}

std::vector<std::string> Table::add(const Line& line, std::size_t width) {
    const std::size_t n = fitting(line, width);
    std::vector<std::string> out;
    std::string text = head(line, n);
    if (text != last_head_) out.push_back(last_head_ = std::move(text));
    out.push_back(row(line, n));
    return out;
}

}  // namespace console

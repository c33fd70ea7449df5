#include <dv/temporal/delay.hpp>

#include <dv/error.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <string_view>

namespace dv::temporal {

namespace {

__extension__ typedef unsigned __int128 Wide;

constexpr double kLargestMs = 1e12;
constexpr std::uint64_t kMostSteps = 1'000'000'000'000'000;

/// digits · 10^exponent, exactly; digits < 10^17.
struct Decimal {
    std::uint64_t digits = 0;
    int exponent = 0;
};

/// The shortest decimal that reads back as `value`: the text that a person wrote.
Decimal shortest_decimal(double value) {
    char buffer[32];
    const auto written = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
    const std::string_view text(buffer, written.ptr);
    const std::size_t e = text.find('e');
    Decimal decimal;
    // from_chars takes no '+'
    std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), written.ptr, decimal.exponent);
    bool fraction = false;
    for (const char c : text.substr(0, e)) {
        if (c == '.') {
            fraction = true;
            continue;
        }
        decimal.digits = decimal.digits * 10 + static_cast<std::uint64_t>(c - '0');
        decimal.exponent -= fraction ? 1 : 0;
    }
    return decimal;
}

/// whole + remainder / divisor, with remainder < divisor ≤ 10^37.
struct Quotient {
    std::uint64_t whole = 0;
    Wide remainder = 0, divisor = 1;
};

Quotient divide(const Decimal& a, const Decimal& b) {
    Quotient q{a.digits / b.digits, a.digits % b.digits, b.digits};
    int shift = a.exponent - b.exponent;
    for (; shift > 0 && (q.whole > 0 || q.remainder > 0); --shift) {  // long division, one more digit each time
        q.remainder *= 10;
        q.whole = q.whole * 10 + static_cast<std::uint64_t>(q.remainder / q.divisor);
        q.remainder %= q.divisor;
        if (q.whole > kMostSteps) throw Error("a delay of more than 10^15 steps of dt");
    }
    if (shift >= 0) return q;
    // Below 10^17 · 10^-20 nothing rounds up any more: digits are dropped so that the divisor stays below 10^37.
    std::uint64_t digits = a.digits;
    for (; shift < -20; ++shift) digits /= 10;
    q = {0, digits, b.digits};
    for (; shift < 0; ++shift) q.divisor *= 10;
    q.whole = static_cast<std::uint64_t>(q.remainder / q.divisor);
    q.remainder %= q.divisor;
    return q;
}

bool rounds_up(const Quotient& q) {
    const Wide twice = 2 * q.remainder;
    return twice > q.divisor || (twice == q.divisor && q.whole % 2 == 1);
}

}  // namespace

Steps steps_of(double delay_ms, double dt_ms) {
    if (!(delay_ms >= 0.0 && delay_ms < kLargestMs && dt_ms > 0.0 && dt_ms < kLargestMs)) {
        throw Error("a delay must be at least 0 ms and dt above 0 ms, both below 10^12 ms; found a delay of " +
                    std::to_string(delay_ms) + " ms and dt = " + std::to_string(dt_ms) + " ms");
    }
    const Quotient q = divide(shortest_decimal(delay_ms), shortest_decimal(dt_ms));
    const bool up = rounds_up(q);
    const double fraction = static_cast<double>(q.remainder) / static_cast<double>(q.divisor);
    const double excess = up ? 1.0 - fraction : -fraction;  // steps − delay/dt
    return {static_cast<std::int64_t>(q.whole + (up ? 1 : 0)), excess * dt_ms, std::abs(excess) <= 1e-6};
}

std::int64_t forward_lag(std::int64_t steps, UpdateOrder order) {
    return order == UpdateOrder::synchronous ? steps + 1 : steps;
}

std::int64_t backward_lag(std::int64_t steps, UpdateOrder order) {
    return order == UpdateOrder::synchronous ? steps + 1 : std::max<std::int64_t>(1, steps);
}

}  // namespace dv::temporal

#pragma once
/// Protocol Buffers' wire format (proto3), written by hand: a handful of fixed messages needs no library, and two
/// plugins that each bring generated code for the same .proto end the process when both are loaded (protobuf#1941).
///
/// A field is a varint key (number << 3 | wire type) and a value: 0 varint, 1 eight bytes, 2 length and bytes, 5 four
/// bytes. Source: protobuf.dev/programming-guides/encoding.

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace loggers::wire {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie in memory");

/// Appends the bytes of a number.
template <class T>
requires std::is_arithmetic_v<T>
void append_raw(std::string& out, T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out.append(bytes, sizeof value);
}

inline void append_varint(std::string& out, std::uint64_t value) {
    char bytes[10];
    std::size_t n = 0;
    for (; value >= 0x80; value >>= 7) bytes[n++] = static_cast<char>(value | 0x80);
    bytes[n++] = static_cast<char>(value);
    out.append(bytes, n);
}

/// How many bytes append_varint() takes.
constexpr std::size_t varint_size(std::uint64_t value) {
    std::size_t n = 1;
    for (; value >= 0x80; value >>= 7) ++n;
    return n;
}

/// Appends a message's fields to a string. Fields come out in the order of the calls. Unlike protobuf's own writers it
/// also writes a number that is zero; readers take both.
class Message {
public:
    explicit Message(std::string& out) : out_(out) {}

    Message& integer(std::uint32_t field, std::int64_t value) {
        key(field, 0);
        append_varint(out_, static_cast<std::uint64_t>(value));
        return *this;
    }
    Message& boolean(std::uint32_t field, bool value) { return integer(field, value ? 1 : 0); }
    Message& number(std::uint32_t field, double value) {
        key(field, 1);
        append_raw(out_, value);
        return *this;
    }
    Message& number32(std::uint32_t field, float value) {
        key(field, 5);
        append_raw(out_, value);
        return *this;
    }
    Message& bytes(std::uint32_t field, std::string_view value) {
        key(field, 2);
        append_varint(out_, value.size());
        out_ += value;
        return *this;
    }
    /// A packed repeated field of floats or doubles.
    template <std::floating_point T>
    Message& packed(std::uint32_t field, std::span<const T> values) {
        return bytes(field, {reinterpret_cast<const char*>(values.data()), values.size_bytes()});
    }
    /// A nested message: `write(Message&)` appends its fields. Its length stands in front of it and is known
    /// afterwards, so one byte is kept free, which is enough for most; longer ones are moved.
    template <class Write>
    Message& nested(std::uint32_t field, Write&& write) {
        key(field, 2);
        const std::size_t at = out_.size();
        out_ += '\0';
        Message inner(out_);
        write(inner);
        const std::size_t size = out_.size() - at - 1;
        if (size < 0x80) {
            out_[at] = static_cast<char>(size);
        } else {
            std::string length;
            append_varint(length, size);
            out_.replace(at, 1, length);
        }
        return *this;
    }

private:
    void key(std::uint32_t field, std::uint32_t type) { append_varint(out_, std::uint64_t{field} << 3 | type); }
    std::string& out_;
};

}  // namespace loggers::wire

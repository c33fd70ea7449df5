#pragma once
/// Protocol Buffers' wire format, read: for the tests of what proto.hpp writes. Bad input throws std::runtime_error.

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace loggers::testing {

/// One field as it stands in the message.
struct Field {
    std::uint32_t number = 0;
    std::uint32_t type = 0;
    std::uint64_t value = 0;  ///< of types 0, 1 and 5: the bits
    std::string_view bytes;   ///< of type 2

    double as_double() const { return copy<double>(value); }
    float as_float() const { return copy<float>(static_cast<std::uint32_t>(value)); }
    std::int64_t as_int() const { return static_cast<std::int64_t>(value); }

private:
    template <class To, class From>
    static To copy(From from) {
        static_assert(sizeof(To) == sizeof(From));
        To to;
        std::memcpy(&to, &from, sizeof to);
        return to;
    }
};

/// A message's fields, in order.
class Fields {
public:
    explicit Fields(std::string_view bytes) {
        while (!bytes.empty()) fields_.push_back(take(bytes));
    }
    const std::vector<Field>& all() const { return fields_; }
    std::vector<Field> all(std::uint32_t number) const {
        std::vector<Field> out;
        for (const Field& f : fields_) {
            if (f.number == number) out.push_back(f);
        }
        return out;
    }
    bool has(std::uint32_t number) const { return !all(number).empty(); }
    /// The first field of this number; throws when there is none.
    Field at(std::uint32_t number) const {
        for (const Field& f : fields_) {
            if (f.number == number) return f;
        }
        throw std::runtime_error("no field " + std::to_string(number));
    }
    Fields message(std::uint32_t number) const { return Fields(at(number).bytes); }
    std::string text(std::uint32_t number) const { return std::string(at(number).bytes); }

private:
    static std::uint64_t varint(std::string_view& bytes) {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 70; shift += 7) {
            if (bytes.empty()) throw std::runtime_error("a varint is cut off");
            const auto byte = static_cast<unsigned char>(bytes.front());
            bytes.remove_prefix(1);
            value |= std::uint64_t{byte & 0x7Fu} << shift;
            if (byte < 0x80) return value;
        }
        throw std::runtime_error("a varint of more than ten bytes");
    }
    static Field take(std::string_view& bytes) {
        const std::uint64_t key = varint(bytes);
        Field f{static_cast<std::uint32_t>(key >> 3), static_cast<std::uint32_t>(key & 7u), 0, {}};
        if (f.type == 0) {
            f.value = varint(bytes);
            return f;
        }
        const std::uint64_t size = f.type == 1 ? 8 : f.type == 5 ? 4 : f.type == 2 ? varint(bytes) : ~0ull;
        if (size > bytes.size()) throw std::runtime_error("a field is cut off");
        f.bytes = bytes.substr(0, size);
        bytes.remove_prefix(size);
        if (f.type != 2) std::memcpy(&f.value, f.bytes.data(), size);
        return f;
    }
    std::vector<Field> fields_;
};

}  // namespace loggers::testing

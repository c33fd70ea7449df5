#pragma once
/// Event files, read by our own code: framing with both checksums, then events.

#include "wire/crc32c.hpp"

#include "wire/tests/proto_reader.hpp"

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace tensorboard::testing {

using loggers::testing::Field;
using loggers::testing::Fields;

/// The whole records of a file; what stands torn at its end is not one. A wrong checksum throws.
inline std::vector<std::string> records(std::string_view bytes) {
    const auto checked = [](std::string_view data, std::string_view crc) {
        std::uint32_t stored;
        std::memcpy(&stored, crc.data(), sizeof stored);
        const std::uint32_t found = loggers::wire::masked(loggers::wire::crc32c_by_table(data));
        if (stored != found) throw std::runtime_error("a checksum is wrong");
    };
    std::vector<std::string> out;
    while (bytes.size() >= 12) {
        std::uint64_t size;
        std::memcpy(&size, bytes.data(), sizeof size);
        checked(bytes.substr(0, 8), bytes.substr(8, 4));
        if (bytes.size() - 12 < size + 4) break;
        checked(bytes.substr(12, size), bytes.substr(12 + size, 4));
        out.emplace_back(bytes.substr(12, size));
        bytes.remove_prefix(size + 16);
    }
    return out;
}

/// A value of an event's summary.
struct Value {
    std::int64_t step = 0;
    double wall_time = 0;
    std::string tag, plugin, content;
    float number = 0;                  ///< simple_value, or the tensor's only float
    bool simple = false;               ///< it is a simple_value
    std::vector<std::string> strings;  ///< of a text tensor
    std::vector<float> floats;         ///< tensor_content
    std::vector<std::int64_t> shape;
    std::int64_t data_class = 0;
};

inline void read_tensor(const Fields& tensor, Value& out) {
    for (const Field& d : tensor.message(2).all(2)) out.shape.push_back(Fields(d.bytes).at(1).as_int());
    for (const Field& s : tensor.all(8)) out.strings.emplace_back(s.bytes);
    if (tensor.has(5)) std::memcpy(&out.number, tensor.at(5).bytes.data(), sizeof out.number);
    if (tensor.has(4)) {
        const std::string_view raw = tensor.at(4).bytes;
        out.floats.resize(raw.size() / sizeof(float));
        std::memcpy(out.floats.data(), raw.data(), raw.size());
    }
}

inline std::vector<Value> values(std::string_view file) {
    std::vector<Value> out;
    for (const std::string& record : records(file)) {
        const Fields event(record);
        if (!event.has(5)) continue;
        for (const Field& field : event.message(5).all(1)) {
            const Fields value(field.bytes);
            Value v;
            v.step = event.at(2).as_int();
            v.wall_time = event.at(1).as_double();
            v.tag = value.text(1);
            if (value.has(9)) {
                const Fields metadata = value.message(9);
                v.plugin = metadata.message(1).text(1);
                if (metadata.message(1).has(2)) v.content = metadata.message(1).text(2);
                v.data_class = metadata.at(4).as_int();
            }
            v.simple = value.has(2);
            if (v.simple) v.number = value.at(2).as_float();
            if (value.has(8)) read_tensor(value.message(8), v);
            out.push_back(std::move(v));
        }
    }
    return out;
}

}  // namespace tensorboard::testing

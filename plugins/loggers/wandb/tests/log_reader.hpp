#pragma once
/// W&B's transaction log, read by our own code.

#include "wire/tests/proto_reader.hpp"

#include <zlib.h>

#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wandb::testing {

/// The whole records of a file; what stands torn at its end is not one. Anything else that is wrong throws.
inline std::vector<std::string> records(std::string_view bytes) {
    constexpr std::size_t kBlock = 32768;
    if (bytes.size() < 7) return {};
    if (bytes.substr(0, 7) != std::string_view(":W&B\xE1\xBE\0", 7)) throw std::runtime_error("not the head of a log");
    std::vector<std::string> out;
    std::string open;
    std::size_t at = 7;
    while (true) {
        if (const std::size_t left = kBlock - at % kBlock; left < 7) at += left;
        if (at + 7 > bytes.size()) return out;
        std::uint32_t crc;
        std::uint16_t size;
        std::memcpy(&crc, bytes.data() + at, 4);
        std::memcpy(&size, bytes.data() + at + 4, 2);
        const char type = bytes[at + 6];
        if (at + 7 + size > bytes.size()) return out;
        if (at % kBlock + 7 + size > kBlock) throw std::runtime_error("a chunk reaches into the next block");
        const auto* data = reinterpret_cast<const Bytef*>(bytes.data() + at + 6);
        if (crc32(0, data, size + 1u) != crc) throw std::runtime_error("a checksum is wrong");
        if ((type == 1 || type == 2) != open.empty()) throw std::runtime_error("chunks are out of order");
        open += bytes.substr(at + 7, size);
        if (type == 1 || type == 4) out.push_back(std::exchange(open, {}));
        at += 7u + size;
    }
}

using loggers::testing::Field;
using loggers::testing::Fields;

/// The value, JSON, of an item by its name: of a row or a summary.
inline std::string item(const Fields& content, std::string_view name) {
    for (const Field& f : content.all(1)) {
        const Fields item(f.bytes);
        if (item.has(2) && item.text(2) == name) return item.text(16);
    }
    return "absent";
}

}  // namespace wandb::testing

#include "transaction_log.hpp"

#include "wire/proto.hpp"

#include <zlib.h>

#include <algorithm>

namespace wandb {

namespace {

using loggers::wire::append_raw;

constexpr std::size_t kBlock = 32768;
constexpr std::size_t kChunkHeader = 7;
enum ChunkType : char { kWhole = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

ChunkType type_of(bool first, bool last) {
    if (first) return last ? kWhole : kFirst;
    return last ? kLast : kMiddle;
}

void put_chunk(std::string& out, ChunkType type, std::string_view data) {
    const auto bytes = [](const char* p) { return reinterpret_cast<const Bytef*>(p); };
    const char type_byte = type;
    uLong crc = crc32(0, bytes(&type_byte), 1);
    crc = crc32(crc, bytes(data.data()), static_cast<uInt>(data.size()));
    append_raw(out, static_cast<std::uint32_t>(crc));
    append_raw(out, static_cast<std::uint16_t>(data.size()));
    out += type_byte;
    out += data;
}

}  // namespace

TransactionLog::TransactionLog(std::filesystem::path path) : file_(std::move(path)) {
    std::string& out = file_.waiting();
    out += ":W&B";
    append_raw(out, std::uint16_t{0xBEE1});
    out += '\0';
}

void TransactionLog::add(std::string_view record, double now, double patience) {
    std::string& out = file_.waiting();
    for (bool first = true, last = false; !last; first = false) {
        std::size_t room = kBlock - file_.size() % kBlock;
        if (room < kChunkHeader) {
            out.append(room, '\0');
            room = kBlock;
        }
        const std::string_view data = record.substr(0, room - kChunkHeader);
        record.remove_prefix(data.size());
        last = record.empty();
        put_chunk(out, type_of(first, last), data);
    }
    file_.added(now, patience);
}

}  // namespace wandb

#include "png.hpp"

#include <algorithm>
#include <string_view>

namespace classifier_response {

namespace {

std::string big_endian(std::uint32_t value) {
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xFFu);
    return out;
}

std::uint32_t crc32(std::string_view bytes) {
    std::uint32_t crc = ~0u;
    for (const char byte : bytes) {
        crc ^= static_cast<std::uint8_t>(byte);
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1u) != 0 ? 0xEDB88320u : 0u);
    }
    return ~crc;
}

std::uint32_t adler32(std::string_view bytes) {
    std::uint32_t a = 1, b = 0;
    for (const char byte : bytes) {
        a = (a + static_cast<std::uint8_t>(byte)) % 65521u;
        b = (b + a) % 65521u;
    }
    return b << 16 | a;
}

std::string chunk(const std::string& type, const std::string& data) {
    return big_endian(static_cast<std::uint32_t>(data.size())) + type + data + big_endian(crc32(type + data));
}

std::string stored(std::string_view bytes) {
    constexpr std::size_t kBlock = 65535;
    std::string out = "\x78\x01";
    for (std::size_t at = 0; at < bytes.size(); at += kBlock) {
        const std::string_view block = bytes.substr(at, kBlock);
        const auto n = static_cast<std::uint16_t>(block.size()), inverse = static_cast<std::uint16_t>(~n);
        out += at + kBlock >= bytes.size() ? '\x01' : '\x00';  // the last one
        for (const std::uint16_t length : {n, inverse}) {
            out += static_cast<char>(length & 0xFFu);
            out += static_cast<char>(length >> 8);
        }
        out += block;
    }
    return out + big_endian(adler32(bytes));
}

}  // namespace

std::string grey_png(std::span<const std::uint8_t> pixels, std::uint32_t width, std::uint32_t height) {
    std::string rows;
    for (std::uint32_t y = 0; y < height; ++y) {
        rows += '\0';  // no filter
        for (std::uint32_t x = 0; x < width; ++x) rows += static_cast<char>(pixels[std::size_t{y} * width + x]);
    }
    const std::string header = big_endian(width) + big_endian(height) + std::string("\x08\x00\x00\x00\x00", 5);
    return "\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + chunk("IDAT", stored(rows)) + chunk("IEND", "");
}

}  // namespace classifier_response

#pragma once
/// CRC-32C (Castagnoli), as TFRecord files use it.

#include <cstdint>
#include <string_view>

namespace loggers::wire {

/// By the processor's own instruction where it has one (x86-64 with SSE4.2), by a table otherwise.
std::uint32_t crc32c(std::string_view bytes);
/// The same by the table alone.
std::uint32_t crc32c_by_table(std::string_view bytes);

/// A checksum that may itself lie among the bytes of another one: turned right by 15 bits, plus a constant.
constexpr std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

}  // namespace loggers::wire

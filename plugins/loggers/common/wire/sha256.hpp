#pragma once
/// SHA-256 (FIPS 180-4).

#include <string>
#include <string_view>

namespace loggers::wire {

/// 64 hexadecimal digits.
std::string sha256(std::string_view bytes);

}  // namespace loggers::wire

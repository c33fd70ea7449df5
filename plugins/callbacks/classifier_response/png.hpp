#pragma once
/// Grey pictures as PNG.

#include <cstdint>
#include <span>
#include <string>

namespace classifier_response {

/// `pixels` are width · height bytes, row by row from the top, 0 black. Not compressed: these pictures are small. PNG (ISO 15948), with
/// stored blocks of DEFLATE (RFC 1951).
std::string grey_png(std::span<const std::uint8_t> pixels, std::uint32_t width, std::uint32_t height);

}  // namespace classifier_response

#pragma once
/// Text from a plugin, made fit for a terminal, a log file and JSON.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace dvhost::registry {

/// The longest text that is taken over from a plugin. [bytes]
inline constexpr std::size_t kMaxText = 64 * 1024;

/// The place of the first byte that is not part of well-formed UTF-8, if there is one.
std::optional<std::size_t> first_invalid_utf8(std::string_view text);

/// `text` as valid, printable UTF-8 of at most `limit` bytes: malformed bytes become U+FFFD, control characters other
/// than newline and tab become \xNN, a cut falls between characters and is marked with "...".
std::string printable(std::string_view text, std::size_t limit = kMaxText);

}  // namespace dvhost::registry

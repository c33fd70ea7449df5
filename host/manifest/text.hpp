#pragma once
/// How text is checked before it is believed, and how it is shown in messages, comments and TOML.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dvhost::manifest {

/// Without blanks and line ends around it.
std::string_view trimmed(std::string_view text);

/// Offset of the first byte that does not belong to valid UTF-8; std::string_view::npos when all do.
std::size_t first_non_utf8(std::string_view text);

/// The code point that begins at `offset`, as text. Precondition: UTF-8, and offset is not inside a code point.
std::string_view character_at(std::string_view text, std::size_t offset);
/// "U+00E9". Precondition: one code point in UTF-8.
std::string code_point_name(std::string_view character);

/// A place in a text, both 1-based; columns count code points, as toml++ does.
struct TextPosition {
    std::uint32_t line = 1;
    std::uint32_t column = 1;
};

/// Precondition: text before `offset` is UTF-8.
TextPosition position_at(std::string_view text, std::size_t offset);
/// The other way round; text.size() when the position lies behind the text.
std::size_t offset_of(std::string_view text, TextPosition position);

/// The text on one line: control characters and bytes that are not UTF-8 become \n, \t, \r or \xNN.
std::string printable(std::string_view text);

/// printable() in single quotes, cut to a length that a message can bear.
std::string in_quotes(std::string_view text);

/// A TOML basic string, quotes included. Precondition: UTF-8.
std::string toml_string(std::string_view text);

/// Shortest text that reads back as the same double and that TOML takes for a float: "3.0", "1e+22", "nan", "-inf".
std::string toml_float(double value);

}  // namespace dvhost::manifest

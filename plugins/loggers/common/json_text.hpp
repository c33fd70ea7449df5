#pragma once
/// JSON (RFC 8259), written.

#include <dv/abi.h>

#include <span>
#include <string>
#include <string_view>

namespace loggers::json {

/// Appends a string in quotes. Bytes that are not UTF-8 become U+FFFD. U+0085, U+2028 and U+2029 are escaped, because
/// many readers take them for ends of lines.
void append_string(std::string& out, std::string_view text);

/// Appends the shortest decimal that reads back as the same double; JSON has no word for the others, so they are the
/// strings "NaN", "Infinity" and "-Infinity".
void append_number(std::string& out, double value);

/// Appends a list of such.
void append_numbers(std::string& out, std::span<const double> values);

/// Appends a value of a configuration: tables as objects, keys in their order.
void append_node(std::string& out, const dv_config& config, const dv_node* node);

}  // namespace loggers::json

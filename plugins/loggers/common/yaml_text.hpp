#pragma once
/// YAML, written as PyYAML reads and, for plain values, writes it.

#include <dv/abi.h>

#include <string>
#include <string_view>

namespace loggers::yaml {

/// Appends a table in block style, keys in code-point order, tables in it further in.
void append_table(std::string& out, const dv_config& config, const dv_node* table);

/// Plain where no reader takes it for anything but a text, otherwise in double quotes.
void append_string(std::string& out, std::string_view text);

/// "0.1", "1.0e-07" (a number without a point is a text to PyYAML), ".nan", "-.inf".
void append_number(std::string& out, double value);

}  // namespace loggers::yaml

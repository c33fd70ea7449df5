#pragma once
/// Doubles as text.

#include <cstdint>
#include <string>

namespace loggers {

/// Appends the shortest decimal that reads back as the same double: "0.1", "1e+20"; "nan", "inf", "-inf".
void append_number(std::string& out, double value);
void append_number(std::string& out, std::int64_t value);

/// Appends what Python's repr() gives: always with a point or an exponent, the exponent below 1e-4 and from 1e16 on.
void append_python_number(std::string& out, double value);

}  // namespace loggers

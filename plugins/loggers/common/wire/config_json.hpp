#pragma once
/// A manifest as JSON.

#include <dv/abi.h>

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace loggers::wire {

/// Tables as objects, keys in their order. JSON has no word for NaN and the infinities: they are the strings "NaN",
/// "Infinity" and "-Infinity".
nlohmann::ordered_json json_of(const dv_config& config, const dv_node* node);

/// A number, or such a string.
nlohmann::ordered_json json_of(double value);

/// In one line; bytes that are no UTF-8 become U+FFFD.
std::string dump(const nlohmann::ordered_json& value);

/// A text in quotes.
std::string quoted(std::string_view text);

}  // namespace loggers::wire

#pragma once
/// A manifest as a flat list of named values, as trackers keep hyper-parameters.

#include <dv/abi.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace loggers::wire {

struct FlatValue {
    std::string name;  ///< "model/layer/0/conv/kernel"
    std::variant<bool, std::int64_t, double, std::string> value;
};

/// Tables become "outer/inner"; lists that hold tables are counted ("callback/0/type"), other lists are one text "[1,
/// 2]". Empty tables and lists of no elements: "{}" and "[]". All text is
/// UTF-8.
std::vector<FlatValue> flatten(const dv_config& config);

/// A value as text: true, 3, 0.1, nan, plain text.
std::string text_of(const FlatValue& value);

}  // namespace loggers::wire

#pragma once
/// Pieces of messages.

#include <sstream>
#include <string>

namespace rcnn {

/// As a person would write it: 2, 0.4, 1e-07.
inline std::string number(double value) {
    std::ostringstream out;
    out << value;
    return out.str();
}

/// A parameter's place: layer.3.name.
inline std::string key(const char* list, std::size_t i, const char* name) {
    return std::string(list) + "." + std::to_string(i) + "." + name;
}

}  // namespace rcnn

#pragma once
/// Numbers in messages.

#include <cstdio>
#include <string>

namespace callbacks {

/// Six digits: 0.412, 1e-05, 1.23457e+06.
inline std::string shown(double value) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.6g", value);
    return buffer;
}

}  // namespace callbacks

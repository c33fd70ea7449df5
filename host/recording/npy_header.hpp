#pragma once
/// What stands before the values of a .npy file. Format: numpy.lib.format, version 1.0.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace dvhost::recording {

/// "<f4", as NumPy writes it. Throws dv::Error for a type that is not written.
const char* npy_type(at::ScalarType type);

/// A multiple of 64 bytes.
std::string npy_header(const std::string& type, const std::vector<std::int64_t>& shape);

}  // namespace dvhost::recording

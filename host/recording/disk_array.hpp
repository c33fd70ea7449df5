#pragma once
/// Tensors whose values lie in a file, so that they need no memory to stay.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <vector>

namespace dvhost::recording {

/// Zeros of `shape` in a new .npy file, of which the tensor is a view: what is written into it is in the file, which np.load reads at
/// any time, also when the process has been killed. The file stays when the tensor goes; its space is taken at once. Throws
/// dv::IoError with path and reason (a full disk).
at::Tensor disk_array(const std::filesystem::path& file, const std::vector<std::int64_t>& shape, at::ScalarType type);

/// Gives back the memory that holds copies of these bytes of a disk_array(); the next use reads the file again.
void let_go(const void* data, std::uint64_t n_bytes);

}  // namespace dvhost::recording

#pragma once
/// The safetensors format (huggingface/safetensors): 8 bytes length, a JSON header, tensors.

#include <dv/torch/parameters.hpp>

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace dvhost::checkpoint {

/// Every tensor, in the order of the file, on the CPU. Nothing in the file is trusted: header at most 100 MB, known types, sizes that
/// fit their shapes, data that is used exactly once. Throws dv::IoError that names the file and what is wrong with it.
std::vector<dv::NamedTensor> read_safetensors(const std::filesystem::path& file);

/// By way of a temporary file (AtomicFile). Tensors on other devices are copied to the CPU. Throws dv::IoError; dv::Error for a type
/// that the format does not have.
void write_safetensors(const std::filesystem::path& file, std::span<const dv::NamedTensor> tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace dvhost::checkpoint

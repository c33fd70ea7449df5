#pragma once
/// Files of torch.save: the zip of PyTorch 1.6 and later, and the stream of before.

#include <dv/torch/parameters.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace dvhost::checkpoint {

/// The tensors under `key` ("state_dict", "a.b"); empty: under "state_dict", if there is one, else at the top. They lie on the CPU and
/// may share memory as they did when they were saved. What else the file holds is not looked at, and no code in it is run. Throws
/// dv::IoError that names the file.
std::vector<dv::NamedTensor> read_pytorch(const std::filesystem::path& file, const std::string& key);

}  // namespace dvhost::checkpoint

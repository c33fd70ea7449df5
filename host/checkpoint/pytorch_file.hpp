#pragma once
/// Files of torch.save: the zip of PyTorch 1.6 and later, and the stream of before.

#include "checkpoint/pickle.hpp"

#include <dv/torch/parameters.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace dvhost::checkpoint {

/// The tensors under `key` ("state_dict", "a.b"); empty: under "state_dict", if there is one, else at the top. They lie on the CPU and
/// may share memory as they did when they were saved. What else the file holds is not looked at, and no code in it is run. Throws
/// dv::IoError that names the file.
std::vector<dv::NamedTensor> read_pytorch(const std::filesystem::path& file, const std::string& key);

/// The whole of a torch.save zip as plain data and tensors on the CPU. What is neither is left out of lists and dicts; `left_out` counts
/// it. Throws as above.
PickleValue read_pytorch_tree(const std::filesystem::path& file, std::size_t* left_out = nullptr);

}  // namespace dvhost::checkpoint

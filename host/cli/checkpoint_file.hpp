#pragma once
/// A file of weights or a whole checkpoint, as the checkpoint commands see it: data, of which nothing is ever run.

#include "checkpoint/pickle.hpp"

#include <dv/torch/parameters.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace dvhost::cli {

struct CheckpointFile {
    enum class Kind {
        dvhost,       ///< a checkpoint with what dvhost needs to go on from it
        lightning,    ///< a checkpoint of Lightning, or of a dvhost that kept no state of its own
        weights,      ///< a torch.save file of tensors
        safetensors
    };
    std::filesystem::path path;
    Kind kind = Kind::weights;
    checkpoint::PickleValue tree;  ///< a Dict; of weights and safetensors: of tensors by name
    std::size_t left_out = 0;      ///< values that are neither plain data nor tensors

    bool is_checkpoint() const { return kind == Kind::dvhost || kind == Kind::lightning; }
    /// "checkpoint of Lightning 2.6.0"
    std::string kind_text() const;
    /// "3 values in it are neither plain data nor tensors; ..."; empty when there are none.
    std::string left_out_text() const;
};

/// By its first bytes, whatever it is called. Throws dv::IoError that names the file and what is wrong with it.
CheckpointFile read_checkpoint_file(const std::filesystem::path& path);

/// The model's tensors: those of "state_dict", or all.
std::vector<dv::NamedTensor> weights_of(const CheckpointFile& file);

/// "float32"
std::string dtype_name(at::ScalarType type);
/// "[2, 3]"
std::string shape_text(const at::Tensor& tensor);

}  // namespace dvhost::cli

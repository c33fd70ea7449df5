#pragma once
/// How a run's state becomes one file; when, is the checkpoint callback's business.
///
/// The file is a torch.save zip with Lightning's keys: torch.load(weights_only=True) opens it, and Lightning takes its state_dict.

#include "checkpoint/pickle.hpp"
#include "loops/experiment.hpp"
#include "loops/progress.hpp"

#include <filesystem>
#include <string>

namespace dvhost::checkpoint {

/// What a checkpoint holds besides the tensors.
struct Context {
    PickleValue hyper_parameters;  ///< the model's resolved parameters, a Dict
    std::string manifest;          ///< the resolved manifest, as text
    std::uint64_t seed = 0;
};

enum class Content { everything, weights_only };

/// Everything as one value: the keys of the file.
PickleValue gather(const loops::Experiment& experiment, const loops::Progress& progress, const Context& context,
                   Content content);

/// Writes `value` to `file` by way of a temporary file in the same folder, synced and renamed: whatever happens, `file` is the
/// former one or the whole new one. Makes the folder. Throws dv::IoError with path and reason.
void write_file(const std::filesystem::path& file, const PickleValue& value);

}  // namespace dvhost::checkpoint

#pragma once
/// [[recorder]] tables as what records.

#include "compose/roles.hpp"
#include "manifest/node.hpp"
#include "recording/stage_recording.hpp"

#include <map>
#include <string>

namespace dvhost::compose {

recording::Settings settings_of(const RecorderKeys& keys);

/// Where responses come from: versions, hashes of the manifest and of the weights as they are now, the model's delays and solver.
std::map<std::string, std::string> provenance(const manifest::Node& manifest, const dv::Model& model);

/// The library that writes HDF5, beside dvhost's own.
std::filesystem::path hdf5_module();

}  // namespace dvhost::compose

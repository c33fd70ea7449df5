#pragma once
/// [[recorder]] tables as what records.

#include "compose/roles.hpp"
#include "manifest/node.hpp"
#include "recording/stage_recording.hpp"

#include <map>
#include <string>

namespace dvhost::compose {

recording::Settings settings_of(const RecorderKeys& keys);

/// Throws dv::Error when trainer.early_test_stop would never end a test: its recorders cannot become full, or there are none.
void expect_end_of_test(const recording::Plan& plan);

/// Where responses come from: versions, hashes of the manifest and of the weights as they are now, the model's delays and solver.
std::map<std::string, std::string> provenance(const manifest::Node& manifest, const dv::Model& model);

/// The library that writes HDF5, beside dvhost's own.
std::filesystem::path hdf5_module();

}  // namespace dvhost::compose

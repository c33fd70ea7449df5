#pragma once
/// hparams.yaml as Lightning's loggers leave it beside their output.

#include <dv/abi.h>

#include <filesystem>

namespace loggers {

/// Writes the resolved manifest to `<folder>/hparams.yaml`; a reader finds the old file or the new one. Throws dv::IoError.
void write_hparams(const std::filesystem::path& folder, const dv_config& manifest);

}  // namespace loggers

#pragma once
/// Images and histograms as W&B keeps them.

#include <dv/abi.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace wandb {

struct MediaFile {
    std::string path;   ///< seen from the run's files/
    std::string value;  ///< what stands in the row, JSON
};

/// A name as part of a path: folders stay, what is not plain becomes '_'.
std::string file_name(std::string_view name);

/// Writes files/media/images/<name>_<step>_<digest>.png. Throws dv::IoError.
MediaFile write_image(const std::filesystem::path& files, std::string_view name, const dv_image& image,
                      std::int64_t step);

/// JSON of a histogram. W&B takes 512 buckets at most; of more, neighbours are put together.
std::string histogram_value(const dv_histogram& histogram);

}  // namespace wandb

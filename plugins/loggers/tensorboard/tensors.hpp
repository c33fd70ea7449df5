#pragma once
/// Values that are tensors: serialised, each with its series' metadata if it is the first.

#include "series.hpp"

#include <dv/abi.h>

#include <string>
#include <string_view>

namespace tensorboard {

/// Shown as Markdown.
std::string text_value(Series& series, std::string_view text);
/// Width, height and the encoded image.
std::string image_value(Series& series, const dv_image& image);
/// Rows of left edge, right edge, count; buckets without anything at both ends are left out, and the outer edges are
/// those of the values themselves.
std::string histogram_value(Series& series, const dv_histogram& histogram);

}  // namespace tensorboard

#pragma once
/// The curve of a learning rate search as a picture.

#include "compose/tuning.hpp"

#include <string>

namespace dvhost::cli {

/// An SVG document: smoothed loss over learning rate, the latter logarithmic if the search was; the suggestion marked.
std::string lr_figure(const compose::LrCurve& curve, bool logarithmic);

}  // namespace dvhost::cli

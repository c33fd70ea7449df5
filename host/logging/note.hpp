#pragma once
/// What a run logs besides numbers, as bytes beside the spool.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace dvhost::logging {

struct TextNote {
    std::string name, text;
};
struct ArtifactNote {
    std::string name, path;
};
/// dv_image.
struct ImageNote {
    std::string name, png;
    std::uint32_t channels, width, height;
};
/// dv_histogram.
struct HistogramNote {
    std::string name;
    std::vector<double> limits, counts;
    double min, max, sum, sum_squares, count;
};
using Note = std::variant<TextNote, ArtifactNote, ImageNote, HistogramNote>;

std::string encode(const Note& note);
/// Throws dv::Error when the bytes are not what encode() made.
Note decode(std::string_view bytes);

}  // namespace dvhost::logging

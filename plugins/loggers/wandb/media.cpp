#include "media.hpp"

#include "wire/append_file.hpp"
#include "wire/config_json.hpp"
#include "wire/sha256.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>

namespace wandb {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint32_t kMostBuckets = 512;

/// The range of buckets that hold something, and an edge for every bucket that is a number.
struct Trimmed {
    std::uint32_t first, last;
};
Trimmed trim(const dv_histogram& h) {
    std::uint32_t first = 0, last = h.n_buckets;
    while (first < last && h.counts[first] == 0) ++first;
    while (last > first && h.counts[last - 1] == 0) --last;
    return {first, last};
}

}  // namespace

std::string file_name(std::string_view name) {
    std::string out;
    for (const char c : name) {
        const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '/';
        out += plain ? c : '_';
    }
    while (out.starts_with('/')) out.erase(0, 1);
    return out.empty() ? "_" : out;
}

MediaFile write_image(const std::filesystem::path& files, std::string_view name, const dv_image& image,
                      std::int64_t step) {
    const std::string_view png(image.png.p, image.png.n);
    const std::string digest = loggers::wire::sha256(png);
    MediaFile out;
    out.path = "media/images/" + file_name(name) + '_' + std::to_string(step) + '_' + digest.substr(0, 20) + ".png";
    if (std::filesystem::path target = files / out.path; !std::filesystem::exists(target)) {
        loggers::wire::AppendFile file(target);
        file.waiting() = png;
        file.sync();
    }
    Json value;
    value["_type"] = "image-file";
    value["path"] = out.path;
    value["sha256"] = digest;
    value["size"] = png.size();
    value["format"] = "png";
    value["width"] = image.width;
    value["height"] = image.height;
    out.value = loggers::wire::dump(value);
    return out;
}

std::string histogram_value(const dv_histogram& h) {
    const Trimmed range = trim(h);
    const std::uint32_t n = range.last - range.first;
    const std::uint32_t together = std::max(1u, (n + kMostBuckets - 1) / kMostBuckets);
    Json values = Json::array(), bins = Json::array();
    if (n > 0) bins.push_back(loggers::wire::json_of(range.first == 0 ? h.min : h.limits[range.first - 1]));
    for (std::uint32_t i = range.first; i < range.last; i += together) {
        const std::uint32_t end = std::min(i + together, range.last);
        double count = 0;
        for (std::uint32_t k = i; k < end; ++k) count += h.counts[k];
        const double edge = h.limits[end - 1];
        values.push_back(count);
        bins.push_back(loggers::wire::json_of(std::isfinite(edge) ? edge : h.max));
    }
    return loggers::wire::dump({{"_type", "histogram"}, {"values", values}, {"bins", bins}});
}

}  // namespace wandb

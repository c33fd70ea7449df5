#include "tensors.hpp"

#include <algorithm>
#include <limits>
#include <vector>

namespace tensorboard {

namespace {

using loggers::wire::Message;

constexpr int kFloat = 1, kString = 7;      // DataType of a tensor
constexpr int kTensorData = 2, kBlobs = 3;  // DataClass

void announce(Message& value, Series& series, std::string_view plugin, int data_class) {
    if (!series.announced) put_metadata(value, plugin, "", data_class);
    series.announced = true;
}

void put_dimension(Message& shape, std::size_t size) {
    shape.nested(2, [&](Message& dimension) { dimension.integer(1, static_cast<std::int64_t>(size)); });
}

/// A float; what does not fit is the largest one, so that edges stay edges.
float to_edge(double value) {
    constexpr double kLargest = std::numeric_limits<float>::max();
    return static_cast<float>(std::clamp(value, -kLargest, kLargest));
}

std::vector<float> bucket_rows(const dv_histogram& h) {
    std::uint32_t first = 0, last = h.n_buckets;
    while (first < last && h.counts[first] == 0) ++first;
    while (last > first && h.counts[last - 1] == 0) --last;
    std::vector<float> rows;
    for (std::uint32_t i = first; i < last; ++i) {
        const double left = i == first ? std::min(h.min, h.limits[i]) : h.limits[i - 1];
        const double right = i + 1 == last ? std::max(left, h.max) : h.limits[i];
        rows.insert(rows.end(), {to_edge(left), to_edge(right), static_cast<float>(h.counts[i])});
    }
    return rows;
}

}  // namespace

std::string text_value(Series& series, std::string_view text) {
    std::string out;
    Message value(out);
    value.bytes(1, series.tag);
    value.nested(8, [&](Message& tensor) {
        tensor.integer(1, kString).nested(2, [](Message& shape) { put_dimension(shape, 1); }).bytes(8, text);
    });
    announce(value, series, "text", kTensorData);
    return out;
}

std::string image_value(Series& series, const dv_image& image) {
    std::string out;
    Message value(out);
    value.bytes(1, series.tag);
    value.nested(8, [&](Message& tensor) {
        tensor.integer(1, kString)
            .nested(2, [](Message& shape) { put_dimension(shape, 3); })
            .bytes(8, std::to_string(image.width))
            .bytes(8, std::to_string(image.height))
            .bytes(8, {image.png.p, image.png.n});
    });
    announce(value, series, "images", kBlobs);
    return out;
}

std::string histogram_value(Series& series, const dv_histogram& histogram) {
    const std::vector<float> rows = bucket_rows(histogram);
    std::string out;
    Message value(out);
    value.bytes(1, series.tag);
    value.nested(8, [&](Message& tensor) {
        tensor.integer(1, kFloat)
            .nested(2,
                    [&](Message& shape) {
                        put_dimension(shape, rows.size() / 3);
                        put_dimension(shape, 3);
                    })
            .bytes(4, {reinterpret_cast<const char*>(rows.data()), rows.size() * sizeof(float)});
    });
    announce(value, series, "histograms", kTensorData);
    return out;
}

}  // namespace tensorboard

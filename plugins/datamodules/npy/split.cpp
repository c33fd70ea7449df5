#include "split.hpp"

#include <dv/error.hpp>

#include <algorithm>
#include <cstring>

namespace dv::npy_data {

namespace {

/// Values that may lie at any address.
template <class T>
T value_at(std::span<const std::byte> bytes, std::size_t i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    return value;
}

template <class T>
void scaled(std::span<const std::byte> bytes, std::size_t first, double scale, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); ++i) {
        const T value = value_at<T>(bytes, first + i);
        if constexpr (std::is_same_v<T, double>) {
            out[i] = static_cast<float>(scale * value);
        } else {
            out[i] = static_cast<float>(scale) * static_cast<float>(value);
        }
    }
}

bool is_of_labels(npy::Type type) { return type == npy::Type::int32 || type == npy::Type::int64; }

}  // namespace

LabelledFrames::LabelledFrames(std::string name, const std::filesystem::path& frames,
                               const std::filesystem::path& labels)
    : name_(std::move(name)), frames_(frames) {
    const npy::Shape& shape = frames_.shape();
    if (shape.size() != 4 && shape.size() != 5) {
        throw IoError(
            frames.string() + " has the shape " + npy::text_of(shape) +
            ": frames are [sample, channel, y, x] or [sample, time, channel, y, x]; for grey images, array[:, None]");
    }
    if (std::find(shape.begin(), shape.end(), 0) != shape.end()) {
        throw IoError(frames.string() + " has the shape " + npy::text_of(shape) + ": there is nothing in it");
    }
    if (is_of_labels(frames_.type())) {
        throw IoError(frames.string() + " holds " + std::string(npy::name_of(frames_.type())) +
                      ": frames are float32, float64 or uint8; save array.astype('float32')");
    }
    if (labels.empty()) return;
    labels_.emplace(labels);
    check_labels();
}

void LabelledFrames::check_labels() const {
    const std::string file = labels_->file().string();
    const npy::Shape& shape = labels_->shape();
    if (!is_of_labels(labels_->type())) {
        throw IoError(file + " holds " + std::string(npy::name_of(labels_->type())) +
                      ": labels are int64 or int32; save labels.astype('int64')");
    }
    const std::int64_t n = size(), n_frames = facts().n_frames;
    const bool per_sample = shape.size() == 1, per_frame = shape.size() == 2 && shape[1] == n_frames;
    if ((!per_sample && !per_frame) || shape[0] != n) {
        throw IoError(
            file + " has the shape " + npy::text_of(shape) + ", but " + frames_.file().string() + " has " +
            std::to_string(n) + " samples: labels are [" + std::to_string(n) + "]" +
            (n_frames > 1 ? " or [" + std::to_string(n) + ", " + std::to_string(n_frames) + "], one per frame" : ""));
    }
    for (std::size_t i = 0; i < labels_->n_values(); ++i) {
        if (label(i) >= -1) continue;
        throw IoError(file + " has the label " + std::to_string(label(i)) + " at position " + std::to_string(i) +
                      ": labels count from 0, and -1 stands for none");
    }
}

DataFacts LabelledFrames::facts() const {
    const npy::Shape& s = frames_.shape();
    DataFacts out;
    out.n_frames = s.size() == 5 ? s[1] : 1;
    out.channels = s[s.size() - 3];
    out.height = s[s.size() - 2];
    out.width = s[s.size() - 1];
    out.n_classes = labels_ ? largest_label() + 1 : 0;
    out.n_labels = labels_ && labels_->shape().size() == 2 ? labels_->shape()[1] : 1;
    return out;
}

void LabelledFrames::read_frames(std::int64_t sample, double scale, std::span<float> out) const {
    const std::size_t first = static_cast<std::size_t>(sample) * out.size();
    switch (frames_.type()) {
        case npy::Type::float32: return scaled<float>(frames_.bytes(), first, scale, out);
        case npy::Type::float64: return scaled<double>(frames_.bytes(), first, scale, out);
        default: return scaled<std::uint8_t>(frames_.bytes(), first, scale, out);
    }
}

void LabelledFrames::read_labels(std::int64_t sample, std::span<std::int64_t> out) const {
    if (!labels_) return std::fill(out.begin(), out.end(), -1);
    const std::size_t per_sample = labels_->n_values() / static_cast<std::size_t>(size());
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = label(static_cast<std::size_t>(sample) * per_sample + (per_sample == 1 ? 0 : i));
    }
}

std::int64_t LabelledFrames::label(std::size_t i) const {
    return labels_->type() == npy::Type::int64 ? value_at<std::int64_t>(labels_->bytes(), i)
                                               : value_at<std::int32_t>(labels_->bytes(), i);
}

std::int64_t LabelledFrames::largest_label() const {
    std::int64_t largest = -1;
    for (std::size_t i = 0; i < labels_->n_values(); ++i) largest = std::max(largest, label(i));
    return largest;
}

}  // namespace dv::npy_data

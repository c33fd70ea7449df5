#pragma once
/// One split: a file of frames, perhaps one of labels.

#include <dv/npy.hpp>
#include <dv/torch/batch.hpp>

#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace dv::npy_data {

/// Both files open and held against each other. Const functions: any thread.
class LabelledFrames {
public:
    /// `name` is the split's, for messages; an empty `labels`: there are none. Throws IoError naming the file: as npy::Array(), a rank
    /// or type that does not suit, no samples, labels for another number of samples or frames, a label below -1.
    LabelledFrames(std::string name, const std::filesystem::path& frames, const std::filesystem::path& labels);

    /// n_classes: one more than the largest label, 0 without labels.
    DataFacts facts() const;
    std::int64_t size() const { return frames_.shape()[0]; }
    const std::string& name() const { return name_; }
    const std::filesystem::path& file() const { return frames_.file(); }
    bool is_bytes() const { return frames_.type() == npy::Type::uint8; }

    /// The values of one sample, times `scale`.
    void read_frames(std::int64_t sample, double scale, std::span<float> out) const;
    /// The labels of one sample; one value for a label per sample is repeated over `out`, and -1 where there is none.
    void read_labels(std::int64_t sample, std::span<std::int64_t> out) const;

private:
    void check_labels() const;
    std::int64_t label(std::size_t i) const;
    std::int64_t largest_label() const;

    std::string name_;
    npy::Array frames_;
    std::optional<npy::Array> labels_;
};

}  // namespace dv::npy_data

#pragma once
/// What flows from the data to the model.

#include <dv/temporal/sequence.hpp>

#include <cstdint>

namespace dv {

enum class Split : std::int32_t { train, val, test, predict };

/// What a datamodule says of its samples.
struct DataFacts {
    std::int64_t n_frames = 1;  ///< frames per sample; 1 for still images
    std::int64_t channels = 1;
    std::int64_t height = 1;
    std::int64_t width = 1;
    std::int64_t n_classes = 0;  ///< 0: no labels
    std::int64_t n_labels = 1;   ///< labels per sample: 1, or one per frame
};

/// One batch on the strategy's device. The tensors may be reused for a later batch: keep a clone, not a reference.
struct Batch {
    Sequence frames;
    at::Tensor labels;  ///< int64 [batch], or [batch, time] when the data has one label per step; undefined without labels
    at::Tensor index;   ///< int64 [batch]: position of each sample in its split
    Split split = Split::train;
    std::int64_t epoch = 0;
    std::int64_t batch_idx = 0;

    std::int64_t size() const { return frames.batch(); }
};

namespace abi::v1 {
struct Batch {
    Sequence frames;
    at::Tensor labels, index;
    std::int32_t split;
    std::int32_t reserved;
    std::int64_t epoch, batch_idx;
};
}  // namespace abi::v1

namespace detail {
inline abi::v1::Batch borrow(const Batch& b) {
    return {borrow(b.frames), b.labels, b.index, static_cast<std::int32_t>(b.split), 0, b.epoch, b.batch_idx};
}
inline Batch own(const abi::v1::Batch& b) {
    return {own(b.frames), b.labels, b.index, static_cast<Split>(b.split), b.epoch, b.batch_idx};
}
}  // namespace detail

}  // namespace dv

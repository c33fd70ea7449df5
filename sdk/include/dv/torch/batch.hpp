#pragma once
/// What flows from the data to the model.

#include <dv/temporal/sequence.hpp>

#include <cstdint>
#include <vector>

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
    std::int32_t dataloader_idx = 0;  ///< from which of the split's sources; training on several together: 0
    /// Training on several sources together: the batches of the second and further ones (data.combine). A batch of a source that has
    /// ended is empty.
    std::vector<Batch> beside;

    std::int64_t size() const { return is_empty() ? 0 : frames.batch(); }
    bool is_empty() const { return !frames.frames.defined(); }
};

namespace abi::v1 {
struct Batch {
    Sequence frames;
    at::Tensor labels, index;
    std::int32_t split;
    std::int32_t dataloader_idx;
    std::int64_t epoch, batch_idx;
    const Batch* beside;
    std::uint64_t n_beside;
};
}  // namespace abi::v1

namespace detail {
/// A batch lent over the door, and the list that it points to.
struct LentBatch {
    abi::v1::Batch batch{};
    std::vector<abi::v1::Batch> beside;  // without any beside them
    operator const abi::v1::Batch&() const { return batch; }
};
inline LentBatch borrow(const Batch& b) {
    LentBatch out;
    for (const Batch& other : b.beside) out.beside.push_back(borrow(other).batch);
    out.batch = {borrow(b.frames), b.labels,         b.index,           static_cast<std::int32_t>(b.split), b.dataloader_idx,
                 b.epoch,          b.batch_idx,      out.beside.data(), out.beside.size()};
    return out;
}
inline Batch own(const abi::v1::Batch& b) {
    Batch out{own(b.frames), b.labels, b.index, static_cast<Split>(b.split), b.epoch, b.batch_idx, b.dataloader_idx, {}};
    for (std::uint64_t i = 0; i < b.n_beside; ++i) out.beside.push_back(own(b.beside[i]));
    return out;
}
}  // namespace detail

}  // namespace dv

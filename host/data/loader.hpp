#pragma once
/// Batches from samples: order, threads, a ring of reusable slots.
///
/// What a batch holds depends on (source, seed, epoch, batch size, shuffle) alone, never on the number of threads or on timing.

#include <dv/torch/batch.hpp>
#include <dv/torch/datamodule.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace dvhost::data {

struct LoaderSettings {
    std::int64_t batch_size = 32;
    std::int64_t n_threads = 1;
    std::int64_t prefetch = 2;  ///< batches read ahead; the ring has prefetch + 1 slots
    bool shuffle = false;
    bool drop_last = false;
    std::uint64_t seed = 0;
};

/// The position of each sample of an epoch: 0 … n-1, or a permutation keyed by (seed, epoch).
std::vector<std::uint32_t> sample_order(std::int64_t n, bool shuffle, std::uint64_t seed, std::int64_t epoch);

/// One pass over a split. Threads live as long as this object; destroying it early is fine.
class Batches {
public:
    ~Batches();
    Batches(const Batches&) = delete;
    Batches& operator=(const Batches&) = delete;

    /// The next batch; none after the last. Its tensors are valid until the next call. Throws what a read threw (the first).
    std::optional<dv::Batch> next();

private:
    friend class Loader;
    struct Ring;
    explicit Batches(std::unique_ptr<Ring> ring);
    std::unique_ptr<Ring> ring_;
};

class Loader {
public:
    /// Throws dv::Error when the split would give no batch ("100 samples, batch_size 128 and drop_last").
    Loader(std::shared_ptr<const dv::Source> source, const dv::DataFacts& facts, dv::Split split,
           const LoaderSettings& settings);

    std::int64_t n_samples() const { return n_samples_; }
    std::int64_t n_batches() const { return n_batches_; }
    /// Starts a pass over the first `limit` batches, at batch `first`: what comes is what a pass from the start would give from there on.
    std::unique_ptr<Batches> epoch(std::int64_t epoch, std::int64_t limit, std::int64_t first = 0) const;

private:
    std::shared_ptr<const dv::Source> source_;
    dv::DataFacts facts_;
    dv::Split split_;
    LoaderSettings settings_;
    std::int64_t n_samples_ = 0, n_batches_ = 0;
};

}  // namespace dvhost::data

#pragma once
/// The loaders of a split as one: one after the other, or together.

#include "data/loader.hpp"

namespace dvhost::data {

/// How several sources of training data are taken (Lightning's CombinedLoader).
enum class Combine {
    max_size_cycle,  ///< together, until the longest ends; shorter ones begin again
    max_size,        ///< together, until the longest ends; ended ones give empty batches
    min_size,        ///< together, until the shortest ends
    sequential       ///< one after the other
};

class CombinedLoader {
public:
    /// One loader or several; at least one.
    CombinedLoader(std::vector<Loader> loaders, Combine mode);

    std::int64_t n_batches() const { return n_batches_; }
    /// Of what makes up a batch's size: all loaders one after the other, or the first of those together.
    std::int64_t n_samples() const { return n_samples_; }

    /// One pass. As Batches: the next batch, its tensors valid until the next call.
    class Pass {
    public:
        std::optional<dv::Batch> next();

    private:
        friend class CombinedLoader;
        Pass(const CombinedLoader& all, std::int64_t epoch, std::int64_t limit, std::int64_t first);
        void open(std::size_t loader, std::int64_t at);
        std::optional<dv::Batch> next_of(std::size_t loader);
        std::optional<dv::Batch> next_in_turn();

        const CombinedLoader& all_;
        std::int64_t epoch_, end_, at_;
        std::vector<std::unique_ptr<Batches>> open_;  // null: not begun, or ended
        std::vector<std::int64_t> turns_;             // which time each loader is gone through
        std::size_t turn_ = 0;                        // sequential: which loader
    };
    /// Over the first `limit` batches, from batch `first` on: what comes is what a pass from the start would give from there on. This
    /// object must outlive it.
    Pass epoch(std::int64_t epoch, std::int64_t limit, std::int64_t first = 0) const { return {*this, epoch, limit, first}; }

private:
    std::vector<Loader> loaders_;
    Combine mode_;
    std::int64_t n_batches_ = 0, n_samples_ = 0;
};

}  // namespace dvhost::data

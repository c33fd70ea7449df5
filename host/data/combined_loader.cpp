#include "data/combined_loader.hpp"

#include <algorithm>

namespace dvhost::data {

namespace {

/// The second and later times that a loader is gone through within an epoch have orders of their own, far from other epochs (of 32 bits)..
std::int64_t order_key(std::int64_t epoch, std::int64_t turn) { return epoch + (turn << 20); }

}  // namespace

CombinedLoader::CombinedLoader(std::vector<Loader> loaders, Combine mode) : loaders_(std::move(loaders)), mode_(mode) {
    n_batches_ = loaders_.front().n_batches();
    n_samples_ = loaders_.front().n_samples();
    for (std::size_t i = 1; i < loaders_.size(); ++i) {
        const std::int64_t n = loaders_[i].n_batches();
        switch (mode_) {
            case Combine::sequential:
                n_batches_ += n;
                n_samples_ += loaders_[i].n_samples();
                break;
            case Combine::min_size: n_batches_ = std::min(n_batches_, n); break;
            case Combine::max_size:
            case Combine::max_size_cycle: n_batches_ = std::max(n_batches_, n); break;
        }
    }
}

CombinedLoader::Pass::Pass(const CombinedLoader& all, std::int64_t epoch, std::int64_t limit, std::int64_t first)
    : all_(all), epoch_(epoch), end_(std::min(limit, all.n_batches_)), at_(first), open_(all.loaders_.size()), turns_(all.loaders_.size()) {
    if (all_.mode_ == Combine::sequential) {
        for (; turn_ < open_.size() && first >= all_.loaders_[turn_].n_batches(); ++turn_) first -= all_.loaders_[turn_].n_batches();
        if (turn_ < open_.size()) open(turn_, first);
        return;
    }
    for (std::size_t i = 0; i < open_.size(); ++i) {
        const std::int64_t n = all_.loaders_[i].n_batches();
        if (all_.mode_ == Combine::max_size_cycle) {
            turns_[i] = first / n;
            open(i, first % n);
        } else if (first < n) {
            open(i, first);
        }
    }
}

void CombinedLoader::Pass::open(std::size_t loader, std::int64_t at) {
    // Not further than this pass goes: what is read ahead would be thrown away.
    const std::int64_t n = std::min(all_.loaders_[loader].n_batches(), at + end_ - at_);
    open_[loader] = at < n ? all_.loaders_[loader].epoch(order_key(epoch_, turns_[loader]), n, at) : nullptr;
}

std::optional<dv::Batch> CombinedLoader::Pass::next_of(std::size_t loader) {
    std::optional<dv::Batch> batch;
    if (open_[loader]) batch = open_[loader]->next();
    if (!batch && all_.mode_ == Combine::max_size_cycle) {
        ++turns_[loader];
        open(loader, 0);
        batch = open_[loader]->next();
    }
    if (!batch) open_[loader].reset();
    return batch;
}

std::optional<dv::Batch> CombinedLoader::Pass::next_in_turn() {
    while (turn_ < open_.size()) {
        if (auto batch = open_[turn_] ? open_[turn_]->next() : std::nullopt) {
            batch->dataloader_idx = static_cast<std::int32_t>(turn_);
            return batch;
        }
        open_[turn_].reset();
        if (++turn_ < open_.size()) open(turn_, 0);
    }
    return std::nullopt;
}

std::optional<dv::Batch> CombinedLoader::Pass::next() {
    if (at_ >= end_) return std::nullopt;
    dv::Batch out;
    if (all_.mode_ == Combine::sequential) {
        auto batch = next_in_turn();
        if (!batch) return std::nullopt;
        out = std::move(*batch);
    } else {
        out = next_of(0).value_or(dv::Batch{});
        for (std::size_t i = 1; i < open_.size(); ++i) out.beside.push_back(next_of(i).value_or(dv::Batch{}));
        for (dv::Batch& other : out.beside) other.epoch = epoch_, other.batch_idx = at_;
    }
    out.epoch = epoch_;
    out.batch_idx = at_++;
    return out;
}

}  // namespace dvhost::data

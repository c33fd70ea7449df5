#include "boring.hpp"
#include "data/combined_loader.hpp"

#include <gtest/gtest.h>

namespace dvhost::testing {
namespace {

using data::Combine;
using data::CombinedLoader;
using data::Loader;

const dv::DataFacts kFacts{.n_frames = 1, .channels = 1, .height = 2, .width = 2, .n_classes = 2};
constexpr std::int64_t kAll = 1 << 30;

/// Loaders of `sizes` samples in batches of one.
CombinedLoader combined(std::vector<std::int64_t> sizes, Combine mode, bool shuffle = false) {
    std::vector<Loader> loaders;
    for (const std::int64_t n : sizes) {
        loaders.emplace_back(std::make_shared<BoringSource>(n), kFacts, dv::Split::train,
                             data::LoaderSettings{.batch_size = 1, .n_threads = 2, .shuffle = shuffle, .seed = 5});
    }
    return {std::move(loaders), mode};
}

/// Which sample each loader gives; −1: none.
using Step = std::vector<std::int64_t>;
Step step_of(const dv::Batch& batch) {
    const auto sample = [](const dv::Batch& one) { return one.is_empty() ? -1 : one.index.item<std::int64_t>(); };
    Step out{sample(batch)};
    for (const dv::Batch& other : batch.beside) out.push_back(sample(other));
    return out;
}
std::vector<Step> steps(const CombinedLoader& all, std::int64_t epoch = 0, std::int64_t limit = kAll, std::int64_t first = 0) {
    std::vector<Step> out;
    auto pass = all.epoch(epoch, limit, first);
    while (const auto batch = pass.next()) {
        EXPECT_EQ(batch->batch_idx, first + static_cast<std::int64_t>(out.size()));
        EXPECT_EQ(batch->epoch, epoch);
        out.push_back(step_of(*batch));
    }
    return out;
}

/// Lightning's own table for loaders of 2 and 3 batches.
TEST(CombinedLoader, TakesLoadersTogether) {
    EXPECT_EQ(steps(combined({2, 3}, Combine::min_size)), (std::vector<Step>{{0, 0}, {1, 1}}));
    EXPECT_EQ(steps(combined({2, 3}, Combine::max_size)), (std::vector<Step>{{0, 0}, {1, 1}, {-1, 2}}));
    EXPECT_EQ(steps(combined({2, 3}, Combine::max_size_cycle)), (std::vector<Step>{{0, 0}, {1, 1}, {0, 2}}));
    EXPECT_EQ(combined({2, 3}, Combine::min_size).n_batches(), 2);
    EXPECT_EQ(combined({2, 3}, Combine::max_size).n_batches(), 3);
}

TEST(CombinedLoader, TakesLoadersInTurn) {
    const CombinedLoader all = combined({2, 3}, Combine::sequential);
    EXPECT_EQ(all.n_batches(), 5);
    EXPECT_EQ(all.n_samples(), 5);
    EXPECT_EQ(steps(all), (std::vector<Step>{{0}, {1}, {0}, {1}, {2}}));
    auto pass = all.epoch(0, kAll);
    std::vector<std::int32_t> from;
    while (const auto batch = pass.next()) from.push_back(batch->dataloader_idx);
    EXPECT_EQ(from, (std::vector<std::int32_t>{0, 0, 1, 1, 1}));
    EXPECT_EQ(steps(all, 0, 3), (std::vector<Step>{{0}, {1}, {0}}));
}

TEST(CombinedLoader, OneLoaderIsItself) {
    for (const Combine mode : {Combine::max_size_cycle, Combine::max_size, Combine::min_size, Combine::sequential}) {
        EXPECT_EQ(steps(combined({3}, mode)), (std::vector<Step>{{0}, {1}, {2}}));
    }
}

TEST(CombinedLoader, ContinuesWhereAPassWasLeft) {
    for (const Combine mode : {Combine::max_size_cycle, Combine::max_size, Combine::min_size, Combine::sequential}) {
        const CombinedLoader all = combined({3, 7, 2}, mode, /*shuffle=*/true);
        const std::vector<Step> whole = steps(all, 4);
        for (std::size_t first = 0; first <= whole.size(); ++first) {
            EXPECT_EQ(steps(all, 4, kAll, static_cast<std::int64_t>(first)), (std::vector<Step>(whole.begin() + static_cast<std::ptrdiff_t>(first), whole.end())));
        }
    }
}

TEST(CombinedLoader, ShufflesEachTurnAnew) {
    const std::vector<Step> all = steps(combined({16, 48}, Combine::max_size_cycle, /*shuffle=*/true));
    std::vector<std::vector<std::int64_t>> turns(3);
    for (std::size_t i = 0; i < all.size(); ++i) turns[i / 16].push_back(all[i][0]);
    EXPECT_NE(turns[0], turns[1]);
    EXPECT_NE(turns[1], turns[2]);
    for (auto& turn : turns) {
        std::sort(turn.begin(), turn.end());
        for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(turn[i], static_cast<std::int64_t>(i));
    }
}

}  // namespace
}  // namespace dvhost::testing

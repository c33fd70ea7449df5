#include "boring.hpp"
#include "data/loader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace dvhost::testing {
namespace {

using data::Loader;
using data::LoaderSettings;

const dv::DataFacts kFacts{.n_frames = 1, .channels = 1, .height = 2, .width = 2, .n_classes = 2};

std::vector<std::int64_t> values_of(const at::Tensor& t) {
    const at::Tensor c = t.contiguous();
    return {c.const_data_ptr<std::int64_t>(), c.const_data_ptr<std::int64_t>() + c.numel()};
}

/// All samples of an epoch in the order in which they come, checked against what they should hold.
std::vector<std::int64_t> samples(const Loader& loader, std::int64_t epoch, std::int64_t limit = 1 << 30) {
    std::vector<std::int64_t> out;
    const auto batches = loader.epoch(epoch, limit);
    while (const auto batch = batches->next()) {
        const auto index = values_of(batch->index);
        const auto labels = values_of(batch->labels);
        for (std::size_t i = 0; i < index.size(); ++i) {
            EXPECT_EQ(labels[i], index[i] % 2);
            EXPECT_EQ(batch->frames.frames[static_cast<std::int64_t>(i)][0][0][1][1].item<float>(), static_cast<float>(index[i] + 3));
            out.push_back(index[i]);
        }
    }
    return out;
}

Loader loader_of(std::int64_t n, const LoaderSettings& settings) {
    return Loader(std::make_shared<BoringSource>(n), kFacts, dv::Split::train, settings);
}

TEST(Loader, GivesEverySampleOnceInOrder) {
    const Loader loader = loader_of(10, {.batch_size = 4});
    EXPECT_EQ(loader.n_batches(), 3);
    std::vector<std::int64_t> expected(10);
    for (int i = 0; i < 10; ++i) expected[static_cast<std::size_t>(i)] = i;
    EXPECT_EQ(samples(loader, 0), expected);
}

/// Samples of three frames with a label for each: i, i + 1, i + 2.
struct LabelPerFrame final : dv::Source {
    std::int64_t size() const override { return 4; }
    void read(std::int64_t index, dv::Random, dv::SampleSlot slot) const override {
        std::fill(slot.frames.begin(), slot.frames.end(), 0.0f);
        for (std::int64_t t = 0; t < 3; ++t) slot.label[t] = index + t;
    }
};

TEST(Loader, GivesOneLabelPerFrameWhereTheDataHasThem) {
    const dv::DataFacts facts{.n_frames = 3, .channels = 1, .height = 2, .width = 2, .n_classes = 9, .n_labels = 3};
    const Loader loader(std::make_shared<LabelPerFrame>(), facts, dv::Split::train, {.batch_size = 3, .n_threads = 2});
    const auto batches = loader.epoch(0, 2);
    const auto first = batches->next();
    EXPECT_EQ(first->labels.sizes(), (at::IntArrayRef{3, 3}));
    EXPECT_EQ(values_of(first->labels), (std::vector<std::int64_t>{0, 1, 2, 1, 2, 3, 2, 3, 4}));
    EXPECT_EQ(values_of(batches->next()->labels), (std::vector<std::int64_t>{3, 4, 5}));
}

TEST(Loader, ShufflesByEpochAndSeedAlone) {
    const auto order = [](std::uint64_t seed, std::int64_t epoch, std::int64_t threads, std::int64_t prefetch) {
        return samples(loader_of(101, {.batch_size = 8, .n_threads = threads, .prefetch = prefetch, .shuffle = true, .seed = seed}), epoch);
    };
    const auto first = order(1, 0, 1, 2);
    EXPECT_EQ(first, order(1, 0, 4, 1));
    EXPECT_EQ(first, order(1, 0, 2, 64));
    EXPECT_NE(first, order(1, 1, 1, 2));
    EXPECT_NE(first, order(2, 0, 1, 2));
    auto sorted = first;
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t i = 0; i < sorted.size(); ++i) EXPECT_EQ(sorted[i], static_cast<std::int64_t>(i));
}

TEST(Loader, TheTailIsShortOrLeftOut) {
    EXPECT_EQ(loader_of(10, {.batch_size = 4}).n_batches(), 3);
    EXPECT_EQ(loader_of(10, {.batch_size = 4, .drop_last = true}).n_batches(), 2);
    EXPECT_EQ(samples(loader_of(10, {.batch_size = 4, .drop_last = true}), 0).size(), 8u);
    EXPECT_THROW(loader_of(3, {.batch_size = 4, .drop_last = true}), dv::Error);
}

TEST(Loader, ALimitTakesTheFirstBatches) { EXPECT_EQ(samples(loader_of(10, {.batch_size = 4}), 0, 2).size(), 8u); }

TEST(Loader, AFailedReadReachesTheConsumerAndNothingHangs) {
    for (const std::int64_t threads : {1, 3}) {
        auto source = std::make_shared<BoringSource>(100);
        source->fails_at = 37;
        const Loader loader(source, kFacts, dv::Split::train, {.batch_size = 4, .n_threads = threads});
        EXPECT_THROW(samples(loader, 0), dv::IoError);
    }
}

TEST(Loader, MayBeLeftEarly) {
    for (int i = 0; i < 50; ++i) {
        const Loader loader = loader_of(1000, {.batch_size = 4, .n_threads = 3, .prefetch = 1 + i % 5});
        const auto batches = loader.epoch(0, 1 << 30);
        for (int k = 0; k < i % 4; ++k) batches->next();
    }
}

TEST(Loader, TwoPassesAtOnceDoNotDisturbEachOther) {
    const Loader loader = loader_of(64, {.batch_size = 4, .n_threads = 2, .shuffle = true});
    std::vector<std::int64_t> other;
    std::jthread thread([&] { other = samples(loader, 1); });
    const auto first = samples(loader, 0);
    thread.join();
    EXPECT_EQ(first.size(), 64u);
    EXPECT_EQ(other, samples(loader, 1));
}

TEST(Loader, AnEmptySplitGivesNothing) { EXPECT_TRUE(samples(loader_of(0, {.batch_size = 4}), 0).empty()); }

}  // namespace
}  // namespace dvhost::testing

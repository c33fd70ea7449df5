#include "../patterns.hpp"

#include <dv/testing/load.hpp>
#include <dv/torch/datamodule.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <vector>

namespace {

using dv::testing::Config;

std::shared_ptr<dv::DataModule> synthetic(const Config& config = {}) {
    dv::testing::Plugin plugin(DV_PLUGIN_UNDER_TEST);
    auto data = plugin.make<dv::DataModule>("synthetic", config);
    data->prepare();
    return data;
}

struct Sample {
    std::vector<float> values;
    std::int64_t label = -7;
};
Sample read(const dv::DataModule& data, dv::Split split, std::int64_t index, std::uint32_t epoch = 0) {
    const dv::DataFacts f = data.facts();
    Sample sample{std::vector<float>(static_cast<std::size_t>(f.n_frames * f.channels * f.height * f.width), NAN)};
    data.source(split)->read(index, dv::Random(42, static_cast<std::uint64_t>(index), epoch, dv::Purpose::augment),
                             {sample.values, &sample.label});
    return sample;
}
std::vector<Sample> all(const dv::DataModule& data, dv::Split split) {
    std::vector<Sample> samples;
    for (std::int64_t i = 0; i < data.source(split)->size(); ++i) samples.push_back(read(data, split, i));
    return samples;
}
double mean_of(const std::vector<float>& v) {
    double sum = 0;
    for (const float x : v) sum += x;
    return sum / static_cast<double>(v.size());
}
double deviation_between(const std::vector<float>& a, const std::vector<float>& b) {
    double squares = 0;
    for (std::size_t i = 0; i < a.size(); ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
    return std::sqrt(squares / static_cast<double>(a.size()));
}

/// Share of validation samples that are nearest to the mean training sample of their own class: what one linear layer can do.
double nearest_mean_accuracy(const dv::DataModule& data) {
    const auto n_classes = static_cast<std::size_t>(data.facts().n_classes);
    std::vector<std::vector<float>> means(n_classes);
    for (const Sample& s : all(data, dv::Split::train)) {
        auto& mean = means[static_cast<std::size_t>(s.label)];
        mean.resize(s.values.size());
        for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += s.values[i];
    }
    const double per_class =
        static_cast<double>(data.source(dv::Split::train)->size()) / static_cast<double>(n_classes);
    for (auto& mean : means) {
        for (float& m : mean) m = static_cast<float>(m / per_class);
    }
    int right = 0;
    const std::vector<Sample> val = all(data, dv::Split::val);
    for (const Sample& s : val) {
        const auto nearer = [&](const auto& a, const auto& b) {
            return deviation_between(a, s.values) < deviation_between(b, s.values);
        };
        right += std::min_element(means.begin(), means.end(), nearer) - means.begin() == s.label;
    }
    return static_cast<double>(right) / static_cast<double>(val.size());
}

const Config kSmall{{"n_train", 200}, {"n_val", 100}, {"n_test", 50}, {"height", 12}, {"width", 10}, {"channels", 2}};

TEST(Synthetic, SaysWhatItHolds) {
    Config config = kSmall;
    config.set("n_frames", 3);
    config.set("n_classes", 7);
    const auto data = synthetic(config);
    const dv::DataFacts facts = data->facts();
    EXPECT_EQ(facts.n_frames, 3);
    EXPECT_EQ(facts.channels, 2);
    EXPECT_EQ(facts.height, 12);
    EXPECT_EQ(facts.width, 10);
    EXPECT_EQ(facts.n_classes, 7);
    EXPECT_EQ(data->source(dv::Split::train)->size(), 200);
    EXPECT_EQ(data->source(dv::Split::val)->size(), 100);
    EXPECT_EQ(data->source(dv::Split::test)->size(), 50);
    EXPECT_EQ(data->source(dv::Split::predict)->size(), 50);
}

TEST(Synthetic, WritesEveryValue) {
    Config config = kSmall;
    config.set("n_frames", 4);
    const auto data = synthetic(config);
    for (const float v : read(*data, dv::Split::train, 3).values) ASSERT_TRUE(std::isfinite(v));
}

TEST(Synthetic, ASampleIsTheSameWheneverItIsRead) {
    const auto data = synthetic(kSmall), again = synthetic(kSmall);
    EXPECT_EQ(read(*data, dv::Split::train, 17).values, read(*again, dv::Split::train, 17, /*epoch=*/5).values);
}

TEST(Synthetic, FreshNoiseChangesTrainingSamplesByEpoch) {
    Config config = kSmall;
    config.set("fresh_noise", true);
    const auto data = synthetic(config);
    EXPECT_NE(read(*data, dv::Split::train, 17, 0).values, read(*data, dv::Split::train, 17, 1).values);
    EXPECT_EQ(read(*data, dv::Split::train, 17, 1).values, read(*data, dv::Split::train, 17, 1).values);
    EXPECT_EQ(read(*data, dv::Split::val, 17, 0).values, read(*data, dv::Split::val, 17, 1).values);
}

TEST(Synthetic, NoTwoSamplesOfAnySplitAreEqual) {
    const auto data = synthetic(kSmall);
    std::set<std::vector<float>> seen;
    for (const auto split : {dv::Split::train, dv::Split::val, dv::Split::test}) {
        for (const Sample& s : all(*data, split)) seen.insert(s.values);
    }
    EXPECT_EQ(seen.size(), 350u);
}

TEST(Synthetic, ClassesAreEquallyFrequent) {
    const auto data = synthetic(kSmall);
    std::vector<int> counts(10);
    for (const Sample& s : all(*data, dv::Split::val)) ++counts[static_cast<std::size_t>(s.label)];
    EXPECT_EQ(counts, std::vector<int>(10, 10));
}

TEST(Synthetic, AnotherSeedIsOtherData) {
    Config config = kSmall;
    config.set("seed", 1);
    EXPECT_NE(read(*synthetic(config), dv::Split::train, 0).values,
              read(*synthetic(kSmall), dv::Split::train, 0).values);
}

TEST(Synthetic, NoiseHasTheDeviationAskedFor) {
    Config clean = kSmall, noisy = kSmall;
    for (Config* c : {&clean, &noisy}) c->set("height", 64), c->set("width", 64);
    clean.set("noise", 0.0);
    noisy.set("noise", 0.7);
    const Sample a = read(*synthetic(clean), dv::Split::train, 5), b = read(*synthetic(noisy), dv::Split::train, 5);
    EXPECT_NEAR(deviation_between(a.values, b.values), 0.7, 0.02);
    EXPECT_NEAR(mean_of(b.values), 0.0, 0.03);
}

TEST(Synthetic, FramesMoveToTheRight) {
    Config config = kSmall;
    config.set("n_frames", 3);
    config.set("noise", 0.0);
    const Sample sample = read(*synthetic(config), dv::Split::train, 5);
    const auto at = [&](int frame, int channel, int y, int x) {
        return sample.values[static_cast<std::size_t>(((frame * 2 + channel) * 12 + y) * 10 + x)];
    };
    for (int channel = 0; channel < 2; ++channel) {
        for (int y = 0; y < 12; ++y) {
            for (int x = 0; x < 10; ++x) EXPECT_EQ(at(2, channel, y, (x + 2) % 10), at(0, channel, y, x));
        }
    }
}

// Two halves of two classes: as near to one as to the other.
TEST(Synthetic, DifficultyMixesInAnotherClass) {
    Config config = kSmall;
    config.set("noise", 0.0);
    config.set("n_classes", 2);
    const auto clean = synthetic(config);
    config.set("difficulty", 0.25);
    const auto mixed = synthetic(config);
    const std::vector<float> own = read(*clean, dv::Split::train, 0).values,
                             other = read(*clean, dv::Split::train, 1).values;
    const std::vector<float> found = read(*mixed, dv::Split::train, 0).values;
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_FLOAT_EQ(found[i], 0.75f * own[i] + 0.25f * other[i]);
}

TEST(Synthetic, CanBeLearned) {
    EXPECT_GT(nearest_mean_accuracy(*synthetic(kSmall)), 0.99);
    Config hopeless = kSmall;
    hopeless.set("noise", 100.0);
    EXPECT_LT(nearest_mean_accuracy(*synthetic(hopeless)), 0.35);
}

TEST(Synthetic, LeavesOutSplitsWithoutSamples) {
    Config config = kSmall;
    config.set("n_val", 0);
    const auto data = synthetic(config);
    EXPECT_EQ(data->source(dv::Split::val), nullptr);
    EXPECT_NE(data->source(dv::Split::test), nullptr);
}

TEST(Patterns, AreStandardisedAndSmooth) {
    const dv::synthetic::Patterns patterns(3, {1, 40, 40}, 7);
    for (std::int64_t label = 0; label < 3; ++label) {
        const std::vector<float> p(patterns.of(label).begin(), patterns.of(label).end());
        EXPECT_NEAR(mean_of(p), 0.0, 1e-6);
        EXPECT_NEAR(deviation_between(p, std::vector<float>(p.size(), 0.0f)), 1.0, 1e-6);
        for (std::size_t i = 0; i + 1 < p.size(); ++i) {
            if (i % 40 == 39) continue;  // the row ends
            EXPECT_LT(std::abs(p[i + 1] - p[i]), 0.5f) << i;
        }
    }
}

TEST(Patterns, OfASinglePixelDiffer) {
    const dv::synthetic::Patterns patterns(2, {1, 1, 1}, 7);
    EXPECT_NE(patterns.of(0)[0], patterns.of(1)[0]);
}

}  // namespace

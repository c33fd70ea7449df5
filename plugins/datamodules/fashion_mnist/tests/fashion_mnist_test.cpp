#include "idx_files.hpp"

#include <dv/testing/load.hpp>
#include <dv/torch/datamodule.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace dv::fashion_mnist::testing {
namespace {

using dv::testing::Config;

constexpr std::uint32_t kImage = 28 * 28;

/// Image i is all of value `from` + i, label i is i modulo 10.
struct SmallSet {
    Folder folder;

    explicit SmallSet(std::uint32_t n_train = 20, std::uint32_t n_test = 6) {
        write("train", n_train, 0);
        write("t10k", n_test, 100);
    }
    void write(const std::string& prefix, std::uint32_t n, std::uint32_t from) const {
        Bytes images, labels;
        for (std::uint32_t i = 0; i < n; ++i) {
            images.insert(images.end(), kImage, static_cast<std::uint8_t>(from + i));
            labels.push_back(static_cast<std::uint8_t>(i % 10));
        }
        folder.write(prefix + "-images-idx3-ubyte.gz", gzip(idx({n, 28, 28}, images)));
        folder.write(prefix + "-labels-idx1-ubyte.gz", gzip(idx({n}, labels)));
    }
};

std::shared_ptr<dv::DataModule> fashion_mnist(const std::filesystem::path& path, Config config = {}) {
    dv::testing::Plugin plugin(DV_PLUGIN_UNDER_TEST);
    config.set("path", path);
    return plugin.make<dv::DataModule>("fashion_mnist", config);
}
std::shared_ptr<dv::DataModule> prepared(const std::filesystem::path& path, Config config = {}) {
    auto data = fashion_mnist(path, std::move(config));
    data->prepare();
    return data;
}

struct Sample {
    std::vector<float> pixels = std::vector<float>(kImage, NAN);
    std::int64_t label = -7;
};
Sample read(const dv::Source& source, std::int64_t index) {
    Sample sample;
    source.read(index, dv::Random(1, 2, 3, dv::Purpose::augment), {sample.pixels, &sample.label});
    return sample;
}
/// Raw first pixels of all samples of a source opened with normalize = false.
std::vector<int> contents(const dv::Source& source) {
    std::vector<int> raw;
    for (std::int64_t i = 0; i < source.size(); ++i) {
        raw.push_back(static_cast<int>(std::lround(read(source, i).pixels[0] * 255.0f)));
    }
    return raw;
}

template <class Action>
std::string refusal(const Action& action) {
    try {
        action();
    } catch (const dv::Error& error) {
        return error.what();
    }
    return "";
}
void expect_in(const std::string& part, const std::string& text) {
    EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in: " << text;
}

TEST(FashionMnist, SaysWhatItHolds) {
    const SmallSet set;
    const dv::DataFacts facts = prepared(set.folder.path(), {{"validation", "none"}})->facts();
    EXPECT_EQ(facts.n_frames, 1);
    EXPECT_EQ(facts.channels, 1);
    EXPECT_EQ(facts.height, 28);
    EXPECT_EQ(facts.width, 28);
    EXPECT_EQ(facts.n_classes, 10);
}

TEST(FashionMnist, NormalisesByTheTrainingSetsMeanAndDeviation) {
    const SmallSet set;
    const auto data = prepared(set.folder.path(), {{"validation", "none"}});
    const auto train = data->source(dv::Split::train);
    ASSERT_EQ(train->size(), 20);
    const Sample sample = read(*train, 13);
    EXPECT_EQ(sample.label, 3);
    for (const float pixel : sample.pixels) ASSERT_EQ(pixel, (13.0f / 255.0f - 0.2860f) / 0.3530f);
}

TEST(FashionMnist, ReadsImagesRowByRow) {
    const SmallSet set;
    const Bytes pixels = values(kImage);
    set.folder.write("t10k-images-idx3-ubyte.gz", gzip(idx({1, 28, 28}, pixels)));
    set.folder.write("t10k-labels-idx1-ubyte.gz", gzip(idx({1}, {4})));
    const auto data = prepared(set.folder.path(), {{"validation", "none"}, {"normalize", false}});
    const Sample sample = read(*data->source(dv::Split::test), 0);
    for (std::size_t i = 0; i < kImage; ++i) ASSERT_EQ(sample.pixels[i], static_cast<float>(pixels[i]) / 255.0f);
}

TEST(FashionMnist, TakesMeanAndDeviationFromTheManifest) {
    const SmallSet set;
    const auto data = prepared(set.folder.path(), {{"validation", "none"}, {"mean", 0.5}, {"std", 0.25}});
    EXPECT_EQ(read(*data->source(dv::Split::train), 0).pixels[0], -2.0f);
}

TEST(FashionMnist, ReadsPlainFilesToo) {
    const SmallSet set;
    for (const char* prefix : {"train", "t10k"}) {
        std::filesystem::remove(set.folder.path() / (std::string(prefix) + "-images-idx3-ubyte.gz"));
        set.folder.write(std::string(prefix) + "-images-idx3-ubyte", idx({6, 28, 28}, Bytes(6 * kImage, 51)));
        set.folder.write(std::string(prefix) + "-labels-idx1-ubyte.gz", gzip(idx({6}, Bytes(6, 9))));
    }
    const auto data = prepared(set.folder.path(), {{"validation", "none"}, {"normalize", false}});
    EXPECT_EQ(read(*data->source(dv::Split::train), 5).pixels[783], 0.2f);
    EXPECT_EQ(read(*data->source(dv::Split::train), 5).label, 9);
}

TEST(FashionMnist, ValidatesOnWhatItIsTold) {
    const SmallSet set;
    const Config raw{{"normalize", false}};
    const auto with = [&](const char* validation) {
        Config config = raw;
        config.set("validation", validation);
        config.set("val_size", 5);
        return prepared(set.folder.path(), config);
    };
    EXPECT_EQ(with("none")->source(dv::Split::val), nullptr);
    EXPECT_EQ(contents(*with("test")->source(dv::Split::val)), (std::vector<int>{100, 101, 102, 103, 104, 105}));
    EXPECT_EQ(with("test")->source(dv::Split::train)->size(), 20);

    const auto split = with("split");
    const std::vector<int> train = contents(*split->source(dv::Split::train));
    const std::vector<int> val = contents(*split->source(dv::Split::val));
    EXPECT_EQ(train.size(), 15u);
    EXPECT_EQ(val.size(), 5u);
    std::set<int> both(train.begin(), train.end());
    both.insert(val.begin(), val.end());
    EXPECT_EQ(both.size(), 20u);                                       // disjoint, and complete
    EXPECT_NE(val, (std::vector<int>{15, 16, 17, 18, 19}));            // not just the last ones
    EXPECT_EQ(contents(*with("split")->source(dv::Split::val)), val);  // the same every time
}

TEST(FashionMnist, TestsAndPredictsOnTheTestImages) {
    const SmallSet set;
    const auto data = prepared(set.folder.path(), {{"validation", "none"}, {"normalize", false}});
    for (const auto split : {dv::Split::test, dv::Split::predict}) {
        EXPECT_EQ(contents(*data->source(split)), (std::vector<int>{100, 101, 102, 103, 104, 105}));
    }
}

TEST(FashionMnist, RefusesIndicesOutsideTheSplit) {
    const SmallSet set;
    const auto data = prepared(set.folder.path(), {{"validation", "none"}});
    const auto test = data->source(dv::Split::test);
    expect_in("there is no image 6: this split has 6, counted from 0", refusal([&] { read(*test, 6); }));
    expect_in("there is no image -1", refusal([&] { read(*test, -1); }));
}

TEST(FashionMnist, LimitTakesTheFirstTrainingImages) {
    const SmallSet set;
    const auto data = prepared(set.folder.path(), {{"limit", 3}, {"validation", "none"}, {"normalize", false}});
    EXPECT_EQ(contents(*data->source(dv::Split::train)), (std::vector<int>{0, 1, 2}));
    EXPECT_EQ(data->source(dv::Split::test)->size(), 6);
    const auto all = prepared(set.folder.path(), {{"limit", 1000}, {"validation", "none"}});
    EXPECT_EQ(all->source(dv::Split::train)->size(), 20);

    const auto split = prepared(set.folder.path(), {{"val_size", 5}, {"normalize", false}});
    const auto limited = prepared(set.folder.path(), {{"limit", 3}, {"val_size", 5}, {"normalize", false}});
    std::vector<int> first_ones = contents(*split->source(dv::Split::train));
    first_ones.resize(3);
    EXPECT_EQ(contents(*limited->source(dv::Split::train)), first_ones);
    EXPECT_EQ(contents(*limited->source(dv::Split::val)), contents(*split->source(dv::Split::val)));
}

TEST(FashionMnist, ReadsFromSeveralThreadsAtOnce) {
    const SmallSet set;
    const auto data = prepared(set.folder.path(), {{"validation", "none"}, {"normalize", false}});
    const auto train = data->source(dv::Split::train);
    std::vector<std::vector<int>> found(4);
    {
        std::vector<std::jthread> threads;
        for (auto& out : found) threads.emplace_back([&] { out = contents(*train); });
    }
    for (const auto& out : found) EXPECT_EQ(out, found[0]);
    EXPECT_EQ(found[0][19], 19);
}

TEST(FashionMnist, SaysHowToGetMissingFiles) {
    const Folder empty;
    const std::string text = refusal([&] { fashion_mnist(empty.path())->prepare(); });
    expect_in((empty.path() / "train-images-idx3-ubyte").string() + ": there is no such file, gzipped (.gz) or plain",
              text);
    expect_in("`apt-get install dataset-fashion-mnist`, or set `path`", text);
}

TEST(FashionMnist, RefusesAsManyLabelsAsThereAreNoImages) {
    const SmallSet set;
    set.folder.write("train-labels-idx1-ubyte.gz", gzip(idx({19}, Bytes(19, 1))));
    const std::string text = refusal([&] { fashion_mnist(set.folder.path())->prepare(); });
    expect_in("train-images-idx3-ubyte.gz: holds 20 images, but ", text);
    expect_in("train-labels-idx1-ubyte.gz holds 19 labels", text);
}

TEST(FashionMnist, RefusesLabelsWithoutAClass) {
    const SmallSet set;
    Bytes labels(20, 1);
    labels[7] = 10;
    set.folder.write("train-labels-idx1-ubyte.gz", gzip(idx({20}, labels)));
    expect_in("label 7 is 10, but there are classes 0 to 9 only",
              refusal([&] { fashion_mnist(set.folder.path())->prepare(); }));
}

TEST(FashionMnist, RefusesImagesOfAnotherSize) {
    const SmallSet set;
    set.folder.write("train-images-idx3-ubyte.gz", gzip(idx({20, 32, 28}, Bytes(20 * 32 * 28))));
    expect_in("its images are 32 × 28, but Fashion-MNIST's are 28 × 28",
              refusal([&] { fashion_mnist(set.folder.path())->prepare(); }));
}

TEST(FashionMnist, RefusesAnEmptySet) {
    const SmallSet set(0, 6);
    expect_in("holds no images", refusal([&] { fashion_mnist(set.folder.path())->prepare(); }));
}

TEST(FashionMnist, RefusesASplitThatLeavesNothing) {
    const SmallSet set;
    expect_in("'val_size' is 5000, but there are only 20 training images",
              refusal([&] { fashion_mnist(set.folder.path())->prepare(); }));
}

// Images are decompressed in the background; whoever reads one is told.
TEST(FashionMnist, TellsTheReaderThatImagesAreDamaged) {
    const SmallSet set;
    const Bytes zipped = gzip(idx({20, 28, 28}, values(20 * kImage)));
    set.folder.write("train-images-idx3-ubyte.gz", first(zipped, zipped.size() - 100));
    const auto data = prepared(set.folder.path(), {{"validation", "none"}});
    const auto train = data->source(dv::Split::train);
    for (int again = 0; again < 2; ++again) {
        expect_in("train-images-idx3-ubyte.gz: is cut off: its gzip stream ends after",
                  refusal([&] { read(*train, 0); }));
    }
    EXPECT_EQ(read(*data->source(dv::Split::test), 0).label, 0);  // the others are fine
}

TEST(FashionMnist, MayBeDroppedWhileImagesAreRead) {
    const SmallSet set(200, 6);
    for (int i = 0; i < 5; ++i) prepared(set.folder.path(), {{"validation", "none"}});
}

// The real thing: 60 000 and 10 000 images, each class as often as the others, mean and deviation as declared.
TEST(FashionMnist, IsTheDataSetOfItsAuthors) {
    const std::filesystem::path path = "/usr/share/datasets/fashion-mnist";
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "dataset-fashion-mnist is not installed";
    const auto data = prepared(path, {{"validation", "none"}});
    const auto train = data->source(dv::Split::train), test = data->source(dv::Split::test);
    ASSERT_EQ(train->size(), 60000);
    ASSERT_EQ(test->size(), 10000);
    std::vector<int> per_class(10);
    double sum = 0, squares = 0;
    for (std::int64_t i = 0; i < train->size(); ++i) {
        const Sample sample = read(*train, i);
        ++per_class[static_cast<std::size_t>(sample.label)];
        for (const float pixel : sample.pixels) sum += pixel, squares += static_cast<double>(pixel) * pixel;
    }
    const double n = 60000.0 * kImage;
    EXPECT_EQ(per_class, std::vector<int>(10, 6000));
    EXPECT_NEAR(sum / n, 0.0, 5e-4);
    EXPECT_NEAR(std::sqrt(squares / n), 1.0, 5e-4);
    EXPECT_EQ(read(*train, 0).label, 9);  // an ankle boot
    EXPECT_EQ(read(*test, 0).label, 9);
}

}  // namespace
}  // namespace dv::fashion_mnist::testing

#include "labelled_images.hpp"

#include <dv/torch/datamodule.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

namespace {

using dv::fashion_mnist::kClasses;
using dv::fashion_mnist::kPixels;
using dv::fashion_mnist::kSide;
using dv::fashion_mnist::LabelledImages;

/// What each of the 256 pixel values becomes.
using PixelTable = std::array<float, 256>;

/// Some of the images, in a fixed order.
class Images final : public dv::Source {
public:
    Images(const LabelledImages& from, std::vector<std::uint32_t> which, const PixelTable& pixels)
        : from_(from), which_(std::move(which)), pixels_(pixels) {}
    std::int64_t size() const override { return static_cast<std::int64_t>(which_.size()); }
    void read(std::int64_t index, dv::Random, dv::SampleSlot slot) const override {
        if (index < 0 || index >= size()) {
            throw dv::Error("there is no image " + std::to_string(index) + ": this split has " +
                            std::to_string(size()) + ", counted from 0");
        }
        const std::uint32_t i = which_[static_cast<std::size_t>(index)];
        const auto image = from_.image(i);
        std::transform(image.begin(), image.end(), slot.frames.begin(), [&](std::uint8_t p) { return pixels_[p]; });
        *slot.label = from_.label(i);
    }

private:
    const LabelledImages& from_;
    std::vector<std::uint32_t> which_;
    const PixelTable& pixels_;
};

/// Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017): 60 000 + 10 000 grey images of clothes, 28 × 28, ten classes.
struct FashionMnist final : dv::DataModule {
    enum class Validation { test, split, none };

    std::filesystem::path path;
    Validation validation = Validation::split;
    std::int64_t val_size = 0;
    std::optional<std::int64_t> limit;
    bool normalize = true;
    double pixel_mean = 0.0;
    double pixel_std = 1.0;
    static constexpr auto params = dv::schema(
        dv::p("path", &FashionMnist::path, "/usr/share/datasets/fashion-mnist",
              "folder of the four IDX files, gzipped or plain"),
        dv::p("validation", &FashionMnist::validation, Validation::split,
              "validate on the test images, on a split of the training images, or not at all",
              dv::choices{"test", "split", "none"}),
        dv::p("val_size", &FashionMnist::val_size, 5000,
              "training images that a split keeps for validation, the same in every run", dv::at_least{1.0}),
        dv::p("limit", &FashionMnist::limit, dv::unset, "train on no more than so many images, the first ones",
              dv::at_least{1.0}),
        dv::p("normalize", &FashionMnist::normalize, true,
              "subtract `mean` and divide by `std`; otherwise pixels are 0 to 1"),
        dv::p("mean", &FashionMnist::pixel_mean, 0.2860, "of the pixels, as a share of white"),
        dv::p("std", &FashionMnist::pixel_std, 0.3530, "of the pixels, as a share of white", dv::above{0.0}));

    void prepare() override {
        fill_pixel_table();
        train_ = LabelledImages(path, "train");
        test_ = LabelledImages(path, "t10k");
        choose_training_images();
    }
    dv::DataFacts facts() const override { return {1, 1, kSide, kSide, kClasses}; }
    std::unique_ptr<dv::Source> source(dv::Split split) const override {
        switch (split) {
            case dv::Split::train: return std::make_unique<Images>(train_, training_, pixels_);
            case dv::Split::val:
                if (validation == Validation::none) return nullptr;
                if (validation == Validation::split) return std::make_unique<Images>(train_, held_out_, pixels_);
                [[fallthrough]];
            case dv::Split::test:
            case dv::Split::predict: return std::make_unique<Images>(test_, first(test_.size()), pixels_);
        }
        return nullptr;
    }

private:
    /// In float, as torchvision's ToTensor and Normalize calculate it.
    void fill_pixel_table() {
        for (std::size_t p = 0; p < pixels_.size(); ++p) {
            const float share = static_cast<float>(p) / 255.0f;
            pixels_[p] = normalize ? (share - static_cast<float>(pixel_mean)) / static_cast<float>(pixel_std) : share;
        }
    }
    static std::vector<std::uint32_t> first(std::int64_t n) {
        std::vector<std::uint32_t> all(static_cast<std::size_t>(n));
        std::iota(all.begin(), all.end(), 0u);
        return all;
    }
    void choose_training_images() {
        training_ = first(train_.size());
        if (validation == Validation::split) hold_out();
        const auto n = static_cast<std::int64_t>(training_.size());
        training_.resize(static_cast<std::size_t>(std::min(limit.value_or(n), n)));
    }
    void hold_out() {
        if (val_size >= train_.size()) {
            throw dv::ParameterError("val_size", "is " + std::to_string(val_size) + ", but there are only " +
                                                     std::to_string(train_.size()) +
                                                     " training images; leave some to train on");
        }
        // The key is fixed: runs with different seeds are compared on the same images.
        const dv::Random fixed(dv::derive_key(0, "fashion_mnist.split"), 0, 0, dv::Purpose::order);
        const std::vector<std::uint32_t> order = dv::permutation(static_cast<std::uint32_t>(train_.size()), fixed);
        training_.assign(order.begin(), order.end() - val_size);
        held_out_.assign(order.end() - val_size, order.end());
        std::sort(training_.begin(), training_.end());
        std::sort(held_out_.begin(), held_out_.end());
    }

    LabelledImages train_, test_;
    std::vector<std::uint32_t> training_, held_out_;
    PixelTable pixels_{};
};

}  // namespace

DV_COMPONENT(FashionMnist, "dvhost.datamodule.fashion_mnist", "Fashion-MNIST from its IDX files");
